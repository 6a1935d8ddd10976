"""Outputs of one value a call: with axes of length 1, or without."""

import numpy as np
import pytest

from infer.outcome import Failure
from infer.parity.alignment import align
from infer.tensors.outputs import CallSamples, SampleAxis, SavedOutput

CALLS = (CallSamples.from_range(0, 4), CallSamples.from_range(4, 4))


def mean(*shape):
    parts = tuple(np.full(shape, value, np.float32) for value in (1.5, 2.5))
    return {"mean": SavedOutput(CALLS, parts, SampleAxis(None, settled=True))}


@pytest.mark.parametrize(("a", "b"), [((), (1,)), ((1,), ())])
def test_a_single_value_is_compared_whatever_its_axes(a, b):
    aligned = align(mean(*a), mean(*b), {}, "a", "b")

    np.testing.assert_array_equal(aligned.outputs["mean"], [1.5, 2.5])
    np.testing.assert_array_equal(aligned.expected["mean"], [1.5, 2.5])


def test_several_values_keep_their_shape():
    with pytest.raises(Failure, match="shape"):
        align(mean(2, 1), mean(1, 2), {}, "a", "b")
