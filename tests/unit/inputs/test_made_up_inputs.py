"""Inputs that are made up with `--random`."""

import shutil
import tracemalloc
import zlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs import drawn
from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions
from infer.inputs.random import Random, UnderspecifiedSignatureError, generate
from infer.inputs.writing import write_inputs
from infer.tensors.rules import parse_rules
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


ROWS = 5000
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            TensorSpec("f", (None, 300), "float32"),
            lambda of: of.standard_normal((ROWS, 300)).astype(np.float32),
        ),
        (
            TensorSpec("f", (None, 300), "float64", (-2.0, 3.0)),
            lambda of: of.uniform(-2, 3, (ROWS, 300)),
        ),
        (
            TensorSpec("i", (None, 333), "int16"),
            lambda of: of.integers(0, 9, (ROWS, 333), np.int64, endpoint=True).astype(np.int16),
        ),
        (
            TensorSpec("b", (None, 333), "uint8"),
            lambda of: of.integers(0, 255, (ROWS, 333), np.int64, endpoint=True).astype(np.uint8),
        ),
        (TensorSpec("m", (None, 300), "bool"), lambda of: of.random((ROWS, 300)) < 0.5),
        (
            TensorSpec("z", (None, 300), "complex64"),
            lambda of: (
                of.standard_normal((ROWS, 300)) + 1j * of.standard_normal((ROWS, 300))
            ).astype(np.complex64),
        ),
        (TensorSpec("w", (None, 150), "str"), lambda of: of.choice(WORDS, (ROWS, 150))),
    ],
)
def test_values_do_not_depend_on_how_many_are_drawn_together(tmp_path, spec, expected):
    arrays, _ = generate(Random(5, ROWS), Signature((spec,), ()), None, InputOptions(), "m")
    drawn = arrays[spec.name]
    whole = expected(np.random.default_rng([5, zlib.crc32(spec.name.encode())]))

    write_inputs(tmp_path / "drawn.npz", arrays)
    write_inputs(tmp_path / "whole.npz", {spec.name: whole})

    assert len(list(drawn.pieces())) > 1
    assert (drawn.shape, drawn.dtype, drawn.nbytes) == (whole.shape, whole.dtype, whole.nbytes)
    assert (tmp_path / "drawn.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize(("rules", "most"), [([], 16_000_000), (["x@NC=x@CN"], 36_000_000)])
def test_random_inputs_are_never_held_as_a_whole(tmp_path, monkeypatch, rules, most):
    monkeypatch.setattr(drawn, "_MOST_BYTES", 12_000_000)
    spec = Signature((TensorSpec("x", (None, 500), "float32"),), ())
    options = InputOptions(rules=parse_rules(rules, ["m"]))
    arrays, _ = generate(Random(0, 20_000), spec, None, options, "m")

    tracemalloc.start()
    write_inputs(tmp_path / "x.npz", arrays)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert arrays["x"].nbytes == 40_000_000 and peak < most
    assert len(list(arrays["x"].pieces())) > 3


@pytest.mark.parametrize("layout", ["NC=x@CN", "NC=x@NC1"])
def test_random_inputs_lie_in_the_layout_of_a_rule(tmp_path, layout):
    spec = Signature((TensorSpec("image", (None, 3), "float32"),), ())
    rules = parse_rules([f"image@{layout}"], ["m"])

    arrays, _ = generate(Random(0, 7), spec, None, InputOptions(rules=rules), "m")
    plain, _ = generate(Random(0, 7), renamed(spec), None, InputOptions(), "m")

    values = np.asarray(plain["x"])
    expected = values.T if layout.endswith("CN") else values[:, :, None]
    np.testing.assert_array_equal(np.asarray(arrays["x"]), expected)
    write_inputs(tmp_path / "x.npz", arrays)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["x"], expected)


def renamed(signature):
    """The same input, by the name that the rule has for it: its values go by that."""
    return Signature((replace(signature.inputs[0], name="x"),), ())


def test_random_inputs_need_room_on_the_disk(tmp_path, monkeypatch):
    spec = Signature((TensorSpec("x", (None, 500), "float32"),), ())
    arrays, _ = generate(Random(0, 20_000), spec, None, InputOptions(), "m")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10_000_000))

    with pytest.raises(InputError, match=r"of 0\.0 GB, 0\.0 GB are free there; .* --samples"):
        write_inputs(tmp_path / "x.npz", arrays)
