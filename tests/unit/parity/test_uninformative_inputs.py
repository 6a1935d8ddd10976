"""Inputs on which agreement says little."""

import numpy as np
import pytest

from infer.parity.uninformative_inputs import uninformative_inputs

VARYING = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": np.zeros((3, 2))}, ["its input 'x' is 0 everywhere"]),
        ({"x": np.full((3, 2), 0.5, "f4")}, ["its input 'x' is 0.5 everywhere"]),
        ({"x": VARYING}, []),
        ({"x": VARYING, "image": np.zeros((3, 2))}, ["its input 'image' is 0 everywhere"]),
        ({"ids": VARYING.astype(int), "mask": np.ones((3, 2), int)}, []),
        ({"mask": np.ones((3, 2), int)}, ["its input 'mask' is 1 everywhere"]),
        ({"text": np.array(["a", "a"])}, ["its input 'text' is 'a' everywhere"]),
        ({"x": VARYING, "threshold": np.array(0.5), "one": np.ones(1)}, []),
        ({"x": VARYING, "state": np.zeros((1, 4))}, []),
        ({}, []),
    ],
)
def test_constant_inputs_are_doubted(arrays, expected):
    assert uninformative_inputs(arrays, {"state"}) == expected
