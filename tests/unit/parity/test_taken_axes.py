"""The axis of samples that only the reference shows."""

import numpy as np

from infer.parity.alignment import align
from infer.tensors.outputs import CallSamples, SampleAxis, SavedOutput

CALLS = (CallSamples.from_range(0, 4), CallSamples.from_range(4, 4))
PARTS = tuple(np.random.default_rng(0).random((2, 4, 3)))


def test_it_is_told_once_and_only_where_it_is_open():
    outputs = {
        "open": SavedOutput(CALLS, PARTS),
        "shown": SavedOutput(CALLS, PARTS, SampleAxis(0, settled=True)),
    }
    reference = {name: SavedOutput(CALLS, PARTS, SampleAxis(0, settled=True)) for name in outputs}

    aligned = align(outputs, reference, {}, "a", "b")

    assert aligned.taken_axes == {"open": SampleAxis(0, settled=False)}
    assert not align(reference, outputs, {}, "b", "a").taken_axes
