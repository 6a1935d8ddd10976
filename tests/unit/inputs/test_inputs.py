"""Inputs: what is refused and how it is said, what is converted and what is not."""

import numpy as np
import pytest

from infer.errors import InputError, MapError, OptionError
from infer.inputs.batching import Batcher
from infer.inputs.fitting import fit_inputs
from infer.inputs.loading import read_inputs, read_labels
from infer.inputs.options import (
    InputOptions,
    StateBinding,
    parse_dims,
    parse_ranges,
    parse_state_bindings,
)
from infer.inputs.random import Random, UnderspecifiedSignatureError, generate, write
from infer.inputs.state import find_state_bindings
from infer.tensors.rules import Rule, parse_rules
from infer.tensors.signature import Signature, TensorSpec
from infer.tensors.size_limits import ANY_SIZE

IMAGES = np.linspace(0, 1, 5 * 4 * 4 * 3, dtype=np.float32).reshape(5, 4, 4, 3)
STATED = {"inputs": [{"name": "image", "range": [0.0, 1.0]}]}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "inputs.npz"


def refused(call, file) -> str:
    """The message of the error, which is one line that names the file."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    return message


def fit(*arguments, **how):
    """The arrays and the notes."""
    fitted = fit_inputs(*arguments, **how)
    return fitted.arrays, fitted.notes


def test_arrays_come_back_as_they_were(file, inputs_file):
    inputs_file(file, image=IMAGES, labels=np.arange(5))

    arrays = read_inputs(file)

    assert arrays.keys() == {"image", "labels"}
    np.testing.assert_array_equal(arrays["image"], IMAGES)
    assert arrays["image"].dtype == np.float32


def test_missing_file(file):
    assert "No such file" in refused(lambda: read_inputs(file), file)


def test_folder_instead_of_a_file(file):
    file.mkdir()

    refused(lambda: read_inputs(file), file)


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_truncated_file(file, inputs_file, keep):
    whole = inputs_file(file).read_bytes()
    file.write_bytes(whole[: int(keep * len(whole))])

    assert "not a whole .npz file" in refused(lambda: read_inputs(file), file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("pattern", [b"\x00", b"\xff"])
def test_damage_in_the_middle(file, save, pattern):
    save(file, image=np.random.default_rng(0).random((50, 4, 4, 3), dtype=np.float32))
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = 64 * pattern
    file.write_bytes(content)

    refused(lambda: read_inputs(file), file)


def test_damage_at_the_start_of_compressed_data(file):
    np.savez_compressed(file, image=IMAGES)
    content = bytearray(file.read_bytes())
    begin = content.index(b"image.npy") + len(b"image.npy")
    content[begin + 20 : begin + 60] = 40 * b"\xff"
    file.write_bytes(content)

    refused(lambda: read_inputs(file), file)


def test_npy_file_is_one_input(tmp_path):
    np.save(tmp_path / "image.npy", IMAGES)

    arrays = read_inputs(tmp_path / "image.npy")

    assert list(arrays) == ["image"]
    np.testing.assert_array_equal(arrays["image"], IMAGES)


def test_truncated_npy_file(tmp_path):
    file = tmp_path / "image.npy"
    np.save(file, IMAGES)
    file.write_bytes(file.read_bytes()[:-10])

    assert "not a whole .npy file" in refused(lambda: read_inputs(file), file)


def test_npy_file_that_says_it_is_huge(tmp_path):
    file = tmp_path / "image.npy"
    with file.open("wb") as opened:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
        np.lib.format.write_array_header_1_0(opened, header)

    refused(lambda: read_inputs(file), file)


def test_other_content_is_not_an_npz_file(file):
    file.write_text("image,label\n1,2\n")

    refused(lambda: read_inputs(file), file)


def test_pickled_objects_are_not_loaded(file, inputs_file):
    inputs_file(file, image=np.array([{"a": 1}], dtype=object))

    refused(lambda: read_inputs(file), file)


def test_file_without_arrays(file):
    np.savez(file)

    assert "holds no inputs" in refused(lambda: read_inputs(file), file)


def test_labels_alone_are_no_inputs(file, inputs_file):
    inputs_file(file, labels=np.arange(5))

    assert "holds no inputs" in refused(lambda: read_inputs(file), file)


@pytest.mark.parametrize("image", [np.zeros((0, 4, 4, 3), np.float32), np.zeros(0)])
def test_no_samples(file, inputs_file, image):
    inputs_file(file, image=image)

    assert "holds no samples" in refused(lambda: read_inputs(file), file)


def test_arrays_of_different_lengths(file, inputs_file):
    inputs_file(file, image=IMAGES, labels=np.arange(4))

    assert "different lengths" in refused(lambda: read_inputs(file), file)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_are_one_class_each(file, inputs_file, shape, dtype):
    inputs_file(file, image=IMAGES, labels=np.arange(5, dtype=dtype).reshape(shape))

    labels = read_labels(file)

    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "labels", [np.eye(5, dtype=np.int64), np.arange(5, dtype=np.float32), np.ones(5, dtype=bool)]
)
def test_labels_that_are_not_classes(file, inputs_file, labels):
    inputs_file(file, image=IMAGES, labels=labels)

    assert "not one class each" in refused(lambda: read_labels(file), file)


def test_negative_labels_are_not_classes(file, inputs_file):
    inputs_file(file, image=IMAGES, labels=np.array([0, 1, -1, 2, 0]))

    refused(lambda: read_labels(file), file)


def test_labels_may_be_absent(file, inputs_file):
    inputs_file(file, image=IMAGES)

    assert read_labels(file) is None


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


def test_fixed_batch_is_told(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    fitted = fit_inputs(file, signature(shape=(2, 4, 4, 3)), None)

    assert fitted.batch_limits.only == 2 and fitted.samples == 5
    assert "takes 2 samples a call" in fitted.notes[0]


def test_a_size_that_the_user_sets_is_fixed(file, inputs_file):
    inputs_file(file, x=np.zeros((6, 3), np.float32))
    spec = Signature((TensorSpec("x", ("batch", "width"), "float32"),), ())

    assert fit_inputs(file, spec, None).batch_limits == ANY_SIZE
    assert fit_inputs(file, spec, None, InputOptions(dims={"batch": 2})).batch_limits.only == 2
    assert fit_inputs(file, spec, None, InputOptions(dims={"x.0": 3})).batch_limits.only == 3
    message = refused(lambda: fit_inputs(file, spec, None, InputOptions(dims={"width": 4})), file)
    assert "any" not in message and "takes batch x 4" in message


def test_one_name_of_a_dimension_is_one_size(file, inputs_file):
    spec = Signature(
        (TensorSpec("x", (None, "w"), "float32"), TensorSpec("y", (None, "w"), "float32")), ()
    )
    inputs_file(file, x=np.zeros((2, 3), np.float32), y=np.zeros((2, 4), np.float32))

    assert "'w' is 3 by 'x' and 4 in 'y'" in refused(lambda: fit(file, spec, None), file)


def test_what_has_no_samples_is_the_same_in_every_call(file, inputs_file):
    spec = Signature(
        (
            TensorSpec("x", (None, 3), "float32"),
            TensorSpec("threshold", (), "float32"),
            TensorSpec("anchors", (4, 2), "float32"),
        ),
        (),
    )
    inputs_file(
        file,
        x=np.zeros((5, 3), np.float32),
        threshold=np.float32(0.5),
        anchors=np.ones((4, 2), np.float32),
    )

    fitted = fit_inputs(file, spec, None)

    assert fitted.broadcast == {"threshold", "anchors"} and fitted.samples == 5
    batch = Batcher(fitted.arrays, 2, fitted.broadcast).full(2)
    assert batch["x"].shape == (2, 3)
    assert batch["threshold"].shape == () and batch["anchors"].shape == (4, 2)


def test_inputs_without_samples_are_one_call(file, inputs_file):
    spec = Signature((TensorSpec("a", (4,), "float32"), TensorSpec("b", (2,), "float32")), ())
    inputs_file(file, a=np.zeros(4, np.float32), b=np.zeros(2, np.float32))

    fitted = fit_inputs(file, spec, None)

    assert (
        fitted.samples == 1 and fitted.broadcast == {"a", "b"} and fitted.batch_limits == ANY_SIZE
    )
    assert len(Batcher(fitted.arrays, 128, fitted.broadcast)) == 1


def test_models_without_inputs(file):
    write(file, {})

    fitted = fit_inputs(file, Signature((), ()), None)

    assert fitted.arrays == {} and fitted.samples == 1


def test_sizes_of_zero(file, inputs_file):
    spec = Signature((TensorSpec("x", (None, 0), "float32"),), ())
    inputs_file(file, x=np.zeros((3, 0), np.float32))

    assert fit(file, spec, None)[0]["x"].shape == (3, 0)
    none = Signature((TensorSpec("x", (0, 2), "float32"),), ())
    inputs_file(file, x=np.zeros((3, 2), np.float32))
    assert "takes 0 samples" in refused(lambda: fit(file, none, None), file)


def test_a_state_starts_as_zeros_or_from_the_file(file, inputs_file):
    spec = Signature(
        (TensorSpec("x", (None, 3), "float32"), TensorSpec("h", (None, 2), "float32")),
        (TensorSpec("h_out", (None, 2), "float32"),),
    )
    loops = InputOptions(loops=(StateBinding("h_out", "h"),))
    inputs_file(file, x=np.ones((5, 3), np.float32))

    fitted = fit_inputs(file, spec, None, loops)
    assert fitted.broadcast == {"h"} and fitted.arrays["h"].tolist() == [[0, 0]]
    assert "h: starts as zeros" in fitted.notes

    inputs_file(file, x=np.ones((5, 3), np.float32), h=np.full((1, 2), 7, np.float32))
    assert fit_inputs(file, spec, None, loops).arrays["h"].tolist() == [[7, 7]]


def test_a_loop_of_what_is_not_there(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    message = refused(
        lambda: fit(file, signature(), None, InputOptions(loops=(StateBinding("h", "image"),))),
        file,
    )

    assert "no output 'h' (there are: probabilities)" in message


def test_a_loop_of_one_artifact_or_of_all_that_have_it():
    inputs, outputs = ["x", "h"], ["y", "h_out"]

    def own(text, label="b.onnx", names=(inputs, outputs)):
        input_options = InputOptions(loops=parse_state_bindings(text.split(), ["a.pt", "b.onnx"]))
        return find_state_bindings(input_options, {}, {}, *names, label)

    assert own("h_out=h") == {"h": "h_out"}
    assert own("b.onnx:h_out=h") == {"h": "h_out"}
    assert own("b.onnx:h_out=h", "a.pt") == {}
    assert own("y=h b.onnx:h_out=h") == {"h": "h_out"}
    assert own("h_out=h", "a.pt", (["x"], ["y"])) == {}  # it may keep its state inside
    with pytest.raises(MapError, match=r"b\.onnx has no input 'h'"):
        own("b.onnx:h_out=h", names=(["x"], ["y"]))
    with pytest.raises(MapError, match=r"a\.pt has no output 'h_out'"):
        own("h_out=h", "a.pt", (["x", "h"], ["y"]))
    with pytest.raises(OptionError, match="every input once"):
        own("y=h h_out=h")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x=y", Rule("x", "y")),
        ("input:0=y", Rule("input:0", "y")),
        ("a/m.onnx:input:0=y", Rule("input:0", "y", artifact="a/m.onnx")),
        ("x@NCHW=y@nhwc", Rule("x", "y", "NCHW", "nhwc")),
        ("user@home=y", None),
        ("x@NCHW=y", None),
        ("x@NCHW=y@NHWD", None),
        ("x@NCC=y@CNC", None),
        ("x", None),
        ("=y", None),
        ("x=", None),
    ],
)
def test_rules(text, rule):
    if rule is None:
        with pytest.raises(OptionError) as caught:
            parse_rules([text], ["a/m.onnx"])
        assert text in str(caught.value) and "\n" not in str(caught.value)
    else:
        assert parse_rules([text], ["a/m.onnx"]) == (rule,)
        assert parse_rules([rule.text], ["a/m.onnx"]) == (rule,)


def test_rules_that_contradict_each_other():
    with pytest.raises(OptionError, match="both 'y' and 'z'"):
        parse_rules(["x=y", "x=z"], [])


def test_rules_in_a_file(tmp_path):
    file = tmp_path / "map.toml"
    file.write_text('["m.onnx".inputs]\n"x@NCHW" = "image@NHWC"\n["*".outputs]\n"y:0" = "p"\n')

    assert parse_rules([str(file)], ["m.onnx"]) == (
        Rule("x", "image", "NCHW", "NHWC", "m.onnx", "input"),
        Rule("y:0", "p", kind="output"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not TOML"),
        ("[other.inputs]\nx = 'y'", "no artifact 'other' (there are: m)"),
        ("[m]\nx = 'y'", "tables inputs and outputs"),
        ("[m.inputs]\nx = 3", "'x' must be the name"),
        ("m = 3", "tables inputs and outputs"),
    ],
)
def test_files_of_rules_that_are_none(tmp_path, content, message):
    file = tmp_path / "map.toml"
    file.write_text(content)

    with pytest.raises(OptionError) as caught:
        parse_rules([str(file)], ["m"])
    assert message in str(caught.value) and str(file) in str(caught.value)


def test_rules_that_name_what_is_not_there(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    misspelt = InputOptions(parse_rules(["m:imgae=image"], ["m"]))
    assert "no tensor 'imgae' (inputs: image" in refused(
        lambda: fit(file, signature(), None, misspelt, "m"), file
    )
    other = InputOptions(parse_rules(["image=pictures"], ["m"]))
    assert "no array 'pictures'" in refused(lambda: fit(file, signature(), None, other, "m"), file)


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
    write(file, arrays)
    fitted = fit_inputs(file, spec, None, input_options, "m")

    for name, array in arrays.items():
        np.testing.assert_array_equal(array, again[name])
        assert not np.array_equal(array, other[name])
    image = fitted.arrays["image"]
    assert image.shape == (300, 4, 6, 3) and 0 <= image.min() < 0.01 and 0.99 < image.max() <= 1
    assert abs(fitted.arrays["f"].std() - 1) < 0.2
    assert set(fitted.arrays["ids"].ravel()) == set(range(10))
    assert fitted.arrays["pixels"].max() > 200
    assert set(fitted.arrays["table"].ravel()) <= set(range(-3, 4))
    assert fitted.broadcast == {"scale", "table"} and fitted.arrays["table"].shape == (7, 2)
    assert {name: a.dtype.name for name, a in fitted.arrays.items()} == {
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


@pytest.mark.parametrize(
    ("parse", "keyword", "text"),
    [
        (parse_dims, "dim", "height"),
        (parse_dims, "dim", "height=-1"),
        (parse_dims, "dim", "height=a"),
        (parse_ranges, "range", "x=1"),
        (parse_ranges, "range", "x=2:1"),
        (parse_ranges, "range", "x=nan:1"),
        (parse_ranges, "range", "=0:1"),
        (parse_state_bindings, "loop", "h"),
        (parse_state_bindings, "loop", "=h"),
    ],
)
def test_options_that_are_none(parse, keyword, text):
    with pytest.raises(OptionError) as caught:
        parse([text])
    assert str(caught.value).startswith(f"--{keyword} {text}: ")
    assert caught.value.for_python.startswith(f"{keyword}={text!r}: ")


def test_options_of_names_with_signs_in_them():
    assert parse_dims(["a=b=3", "m.pt:h=4", "x:h=5"], ["m.pt"]) == {
        "*": {"a=b": 3, "x:h": 5},
        "m.pt": {"h": 4},
    }
    assert parse_ranges(["x:0=-1:1"]) == {"x:0": (-1.0, 1.0)}


def test_fitted_arrays_are_contiguous(file, inputs_file, signature):
    inputs_file(file, image=np.asfortranarray(IMAGES))

    fitted, _ = fit(file, signature(), None)

    assert fitted["image"].flags.c_contiguous


@pytest.mark.parametrize(("size", "counts"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (128, [5])])
def test_batches_cover_every_sample_once_in_order(size, counts):
    batches = Batcher({"a": np.arange(5), "b": np.arange(50).reshape(5, 10)}, size)

    assert len(batches) == len(counts)
    assert [len(part["a"]) for part in batches] == counts
    assert [batches.samples(index) for index in range(len(batches))] == counts
    assert np.concatenate([part["a"] for part in batches]).tolist() == [0, 1, 2, 3, 4]
    assert np.concatenate([part["b"] for part in batches]).ravel().tolist() == list(range(50))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [[0], [1], [2], [3], [4], [0]]),
        (2, [[0, 1], [2, 3], [0, 1], [2, 3]]),
        (5, [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]),
        (6, [[0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 0]]),
        (12, [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]] * 2),
    ],
)
def test_full_batches_go_round(size, expected):
    samples = {"a": np.arange(5, dtype=np.int16), "b": np.arange(50).reshape(5, 10)}
    batches = Batcher(samples, size)

    for index, rows in enumerate(expected):
        assert batches.rows(index).tolist() == rows
        full = batches.full(index)
        assert full.keys() == samples.keys()
        for name, array in full.items():
            np.testing.assert_array_equal(array, samples[name][rows])
            assert array.dtype == samples[name].dtype
            assert array.flags.c_contiguous


def test_full_batches_are_the_others_as_long_as_these_are_full():
    batches = Batcher({"a": np.arange(10)}, 4)

    assert [batches.full(i)["a"].tolist() for i in range(2)] == [
        batches[i]["a"].tolist() for i in range(2)
    ]
    assert batches[2]["a"].tolist() == [8, 9]
    assert batches.full(2)["a"].tolist() == [0, 1, 2, 3]
