"""Arrays of a file become a signature's inputs: names, shapes, types, ranges and layouts."""

import numpy as np
import pytest
from fitted_inputs import IMAGES, fit, refused

from infer.inputs.fitting import fit_inputs
from infer.inputs.options import InputOptions
from infer.tensors.dtypes import ANY
from infer.tensors.rules import parse_rules
from infer.tensors.signature import Signature, TensorSpec

pytest_plugins = ("input_fixtures",)

STATED = {"inputs": [{"name": "image", "range": [0.0, 1.0]}]}


def test_one_input_fits_whatever_its_name(file, inputs_file, signature):
    inputs_file(file, x=IMAGES, labels=np.arange(5))

    fitted, notes = fit(file, signature(), None)

    assert fitted.keys() == {"image"}
    np.testing.assert_array_equal(fitted["image"], IMAGES)
    assert notes == ["image: taken from 'x' (the only one left on either side)"]


TWO = Signature(
    (TensorSpec("left", (None, 2), "float32"), TensorSpec("right", ("batch", "width"), "int64")),
    (),
)


def test_several_inputs_are_found_by_name(file, inputs_file):
    left, right = np.zeros((3, 2), np.float32), np.ones((3, 7), np.int64)
    inputs_file(file, right=right, other=np.zeros(3), left=left)

    fitted, _ = fit(file, TWO, None)

    assert list(fitted) == ["left", "right"]
    np.testing.assert_array_equal(fitted["right"], right)


def test_missing_name_is_told_with_those_that_are_there(file, inputs_file):
    inputs_file(file, left=np.zeros((3, 2), np.float32), rihgt=np.ones((3, 7), np.float32))

    message = refused(lambda: fit_inputs(file, TWO, None), file)

    assert "'right'" in message and "rihgt" in message


@pytest.mark.parametrize("dtype", ["bool", "complex64", "int64", "uint8"])
def test_wrong_dtype(file, inputs_file, signature, dtype):
    inputs_file(file, image=IMAGES.astype(dtype))

    message = refused(lambda: fit_inputs(file, signature(limits=None), None), file)

    assert dtype in message and "takes float32" in message


@pytest.mark.parametrize("shape", [(5, 4, 4, 1), (5, 5, 4, 4), (5, 48), (5, 4, 4, 3, 1)])
def test_wrong_shape(file, inputs_file, signature, shape):
    inputs_file(file, image=np.zeros(shape, np.float32))

    message = refused(lambda: fit_inputs(file, signature(), None), file)

    assert " x ".join(map(str, shape)) in message
    assert "any x 4 x 4 x 3" in message


@pytest.mark.parametrize("free", [None, "height"])
def test_free_sizes_take_any_number(file, inputs_file, signature, free):
    inputs_file(file, image=IMAGES)

    fitted, _ = fit(file, signature(shape=(None, free, 4, 3)), None)

    assert fitted["image"].shape == IMAGES.shape


def test_unknown_shape_is_left_to_the_runtime(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    fitted, _ = fit(file, signature(shape=None), None)

    assert fitted["image"].shape == IMAGES.shape


@pytest.mark.parametrize(
    ("limits", "stated"), [(None, STATED), ((0.0, 1.0), None), ((0.0, 1.0), STATED)]
)
def test_bytes_are_scaled_where_the_range_is_stated(file, inputs_file, signature, limits, stated):
    pixels = np.array([0, 51, 255], np.uint8).repeat(48).reshape(3, 4, 4, 3)
    inputs_file(file, image=pixels)

    fitted, notes = fit(file, signature(limits=limits), stated)

    assert fitted["image"].dtype == np.float32
    np.testing.assert_allclose(fitted["image"][:, 0, 0, 0], [0, 0.2, 1], rtol=1e-6)
    assert notes == ["image: uint8 scaled by 1/255"]


@pytest.mark.parametrize("shape", [(5, 224, 224, 3), (3, 700, 500, 3), (40_000, 2, 2, 3)])
@pytest.mark.parametrize("channels_first", [True, False])
def test_bytes_of_many_blocks_are_scaled_as_in_one(file, shape, channels_first):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.savez(file, image=pixels)
    if channels_first:
        pixels = np.moveaxis(pixels, -1, 1)
    spec = Signature((TensorSpec("image", (None, *pixels.shape[1:]), "float32", (0.0, 1.0)),), ())

    scaled = fit_inputs(file, spec, None).arrays["image"][:]

    assert scaled.flags.c_contiguous
    assert scaled.tobytes() == (pixels.astype(np.float32) / np.float32(255)).tobytes()


@pytest.mark.parametrize(
    ("limits", "stated"),
    [
        (None, None),
        (None, {"inputs": [{"name": "another", "range": [0.0, 1.0]}]}),
        (None, {"inputs": [{"name": "image", "range": [0.0, 255.0]}]}),
        ((-1.0, 1.0), None),
    ],
)
def test_bytes_are_not_scaled_where_it_is_not(file, inputs_file, signature, limits, stated):
    inputs_file(file, image=np.zeros((3, 4, 4, 3), np.uint8))

    message = refused(lambda: fit_inputs(file, signature(limits=limits), stated), file)

    assert "is uint8" in message


def test_bytes_are_scaled_where_the_user_states_the_range(file, inputs_file, signature):
    inputs_file(file, picture=np.full((3, 4, 4, 3), 255, np.uint8))

    assert "--range image=0:1" in refused(lambda: fit(file, signature(limits=None), None), file)
    for name in ("image", "picture"):
        input_options = InputOptions(ranges={name: (0.0, 1.0)})
        assert fit(file, signature(limits=None), None, input_options)[0]["image"].max() == 1


def test_bytes_for_a_model_that_takes_bytes_are_not_scaled(file, inputs_file, signature):
    pixels = np.full((3, 4, 4, 3), 200, np.uint8)
    inputs_file(file, image=pixels)

    fitted, notes = fit(file, signature(dtype="uint8"), STATED)

    np.testing.assert_array_equal(fitted["image"], pixels)
    assert notes == []


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_precisions_are_converted_and_it_is_said(file, inputs_file, signature, dtype):
    inputs_file(file, image=IMAGES.astype(dtype))

    fitted, notes = fit(file, signature(limits=None), None)

    assert fitted["image"].dtype == np.float32
    assert notes == [f"image: {dtype} converted to float32"]


def test_whole_numbers_are_converted_where_they_fit(file, inputs_file):
    ids = Signature((TensorSpec("ids", (None,), "uint8"),), ())
    inputs_file(file, ids=np.array([0, 255]))
    assert fit(file, ids, None)[0]["ids"].dtype == np.uint8
    inputs_file(file, ids=np.array([0, -1]))
    assert "holds values that uint8 cannot" in refused(lambda: fit(file, ids, None), file)


def test_precisions_that_a_file_cannot_hold(file, inputs_file):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    half = Signature((TensorSpec("x", (None,), "bfloat16"),), ())
    expected = np.array([1.5, -2], ml_dtypes.bfloat16)

    for given in (np.array([1.5, -2], np.float32), expected):
        inputs_file(file, x=given)
        read = fit(file, half, None)[0]["x"]
        assert read.dtype == ml_dtypes.bfloat16
        np.testing.assert_array_equal(read, expected)


def test_text(file, inputs_file):
    words = Signature((TensorSpec("t", (None,), "str"),), ())
    for given in (np.array(["a", "ä"]), np.array([b"a", "ä".encode()])):
        inputs_file(file, t=given)
        assert fit(file, words, None)[0]["t"].tolist() == ["a", "ä"]
    inputs_file(file, t=np.array([1, 2]))
    assert "takes text" in refused(lambda: fit(file, words, None), file)


def test_channels_are_moved_where_only_that_fits(file, inputs_file, signature):
    inputs_file(file, image=np.moveaxis(IMAGES, -1, 1))

    fitted, notes = fit(file, signature(), None)

    np.testing.assert_array_equal(fitted["image"], IMAGES)
    assert fitted["image"].flags.c_contiguous
    assert "the only layout that fits" in notes[0]


def test_a_layout_that_is_stated(file, inputs_file, signature):
    cubes = np.arange(2 * 27, dtype=np.float32).reshape(2, 3, 3, 3)
    inputs_file(file, picture=cubes)
    rules = parse_rules(["image@NHWC=picture@NCHW"], ["m"])

    fitted, _ = fit(file, signature(shape=(None, 3, 3, 3)), None, InputOptions(rules), "m")

    np.testing.assert_array_equal(fitted["image"], np.moveaxis(cubes, 1, -1))


def two(dtype="float32"):
    return Signature((TensorSpec("a", (None, 2), dtype), TensorSpec("b", (None, 2), dtype)), ())


def test_two_arrays_that_both_fit_are_a_question(file, inputs_file):
    arrays = {"x": np.zeros((3, 2), np.float32), "y": np.ones((3, 2), np.float32)}
    inputs_file(file, **arrays)

    message = refused(lambda: fit(file, two(), None, None, "model.onnx"), file)

    assert "'a' could be 'x' or 'y'" in message
    assert message.endswith("--map model.onnx:a=x model.onnx:b=y")
    rules = parse_rules(["model.onnx:a=y"], ["model.onnx"])
    fitted, _ = fit(file, two(), None, InputOptions(rules), "model.onnx")
    assert fitted["a"].all() and not fitted["b"].any()


def test_arrays_too_many_are_never_paired_by_shape(file, inputs_file):
    ids = np.zeros((3, 2), np.float32)
    inputs_file(file, a=ids, c=ids, d=np.zeros(3))

    assert "has no 'b'" in refused(lambda: fit(file, two(), None), file)


def test_fitted_arrays_are_contiguous(file, inputs_file, signature):
    inputs_file(file, image=np.asfortranarray(IMAGES))

    fitted, _ = fit(file, signature(), None)

    assert fitted["image"].flags.c_contiguous


def test_pixels_of_an_input_without_a_type_are_scaled_where_the_user_states_a_range(
    file, inputs_file
):
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    inputs_file(file, image=pixels)
    signature = Signature((TensorSpec("image", None, ANY),), ())

    as_it_is, notes = fit(file, signature, None)
    assert as_it_is["image"].dtype == np.uint8 and notes == []

    scaled, notes = fit(file, signature, None, InputOptions(ranges={"image": (0.0, 1.0)}))
    np.testing.assert_array_equal(scaled["image"], pixels.astype(np.float32) / np.float32(255))
    assert notes == ["image: uint8 scaled by 1/255"]
