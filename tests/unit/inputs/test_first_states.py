"""The first state of a loop: one, and not one for each sample."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions, StateBinding
from infer.tensors.signature import Signature, TensorSpec

STEPS, UNITS = 6, 3


def fitted(tmp_path, x_shape, h_shape, array_shape):
    inputs = TensorSpec("x", x_shape, "float32"), TensorSpec("h", h_shape, "float32")
    signature = Signature(inputs, (TensorSpec("h_out", h_shape, "float32"),))
    file = tmp_path / "inputs.npz"
    np.savez(file, x=np.ones((STEPS, UNITS), "f4"), h=np.zeros(array_shape, "f4"))
    return fit_inputs(file, signature, None, InputOptions(loops=(StateBinding("h_out", "h"),)))


@pytest.mark.parametrize(
    ("x_shape", "h_shape", "array_shape"),
    [
        (("n", UNITS), ("n", UNITS), (STEPS, UNITS)),
        ((None, UNITS), (None, UNITS), (STEPS, UNITS)),
        (None, None, (STEPS, UNITS)),
        ((1, UNITS), (1, UNITS), (STEPS, UNITS)),
        (("n", UNITS), (2, "n", UNITS), (2, STEPS, UNITS)),
    ],
)
def test_a_state_for_each_sample_is_refused(tmp_path, x_shape, h_shape, array_shape):
    with pytest.raises(InputError, match=f"'h' has {STEPS} rows, and a step takes 1: give"):
        fitted(tmp_path, x_shape, h_shape, array_shape)


@pytest.mark.parametrize(
    ("x_shape", "h_shape", "array_shape"),
    [
        (("n", UNITS), ("n", UNITS), (1, UNITS)),
        (("n", UNITS), ("cache", UNITS), (STEPS, UNITS)),
        (("n", UNITS), (STEPS, UNITS), (STEPS, UNITS)),
        ((None, UNITS), (None, UNITS), (4, UNITS)),
        (("n", UNITS), (UNITS,), (UNITS,)),
        (("n", UNITS), (2, "n", UNITS), (2, 1, UNITS)),
    ],
)
def test_a_first_state_of_another_form_is_taken(tmp_path, x_shape, h_shape, array_shape):
    assert fitted(tmp_path, x_shape, h_shape, array_shape).arrays["h"].shape == array_shape
