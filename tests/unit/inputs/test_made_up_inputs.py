"""Inputs that are made up with `--random`."""

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions
from infer.inputs.random import Random, UnderspecifiedSignatureError, generate
from infer.inputs.writing import write_inputs
from infer.tensors.signature import Signature, TensorSpec

pytest_plugins = ("input_fixtures",)


def test_random_inputs_are_the_same_for_a_seed_and_fit(file):
    spec = Signature(
        (
            TensorSpec("image", (None, 4, "w", 3), "float32", (0.0, 1.0)),
            TensorSpec("f", (None,), "float64"),
            TensorSpec("ids", ("n", 5), "int64"),
            TensorSpec("pixels", (None, 2), "uint8"),
            TensorSpec("mask", (None, 2), "bool"),
            TensorSpec("z", (None, 2), "complex64"),
            TensorSpec("words", (None,), "str"),
            TensorSpec("half", (None, 2), "bfloat16"),
            TensorSpec("scale", (), "float32"),
            TensorSpec("table", (7, 2), "int32"),
        ),
        (),
    )
    input_options = InputOptions(dims={"w": 6}, ranges={"table": (-3, 3)})

    arrays, notes = generate(Random(5, 300), spec, None, input_options, "m")
    again, _ = generate(Random(5, 300), spec, None, input_options, "m")
    other, _ = generate(Random(6, 300), spec, None, input_options, "m")
    write_inputs(file, arrays)
    fitted = fit_inputs(file, spec, None, input_options, "m")
    drawn = {name: np.asarray(array) for name, array in fitted.arrays.items()}

    for name, array in arrays.items():
        np.testing.assert_array_equal(array, again[name])
        assert not np.array_equal(array, other[name])
    image = drawn["image"]
    assert image.shape == (300, 4, 6, 3) and 0 <= image.min() < 0.01 and 0.99 < image.max() <= 1
    assert abs(drawn["f"].std() - 1) < 0.2
    assert set(drawn["ids"].ravel()) == set(range(10))
    assert drawn["pixels"].max() > 200
    assert set(drawn["table"].ravel()) <= set(range(-3, 4))
    assert fitted.broadcast == {"scale", "table"} and drawn["table"].shape == (7, 2)
    assert {name: a.dtype.name for name, a in drawn.items()} == {
        s.name: "object" if s.dtype == "str" else s.dtype for s in spec.inputs
    }
    assert "image in 0..1" in notes and "f normal" in notes


@pytest.mark.parametrize(
    ("spec", "input_options", "message"),
    [
        (TensorSpec("x", (None, "w"), "float32"), InputOptions(), "--dim w=SIZE"),
        (TensorSpec("x", (None, 3, None), "float32"), InputOptions(), "--dim x.2=SIZE"),
        (TensorSpec("x", (None,), "uint8"), InputOptions(ranges={"x": (-1, 1)}), "from -1 to 1"),
    ],
)
def test_random_inputs_that_cannot_be(spec, input_options, message):
    with pytest.raises(InputError) as caught:
        generate(Random(0), Signature((spec,), ()), None, input_options, "m")
    assert message in str(caught.value)
    assert isinstance(caught.value, UnderspecifiedSignatureError) is (message != "from -1 to 1")
