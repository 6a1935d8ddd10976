"""Inputs: what is refused and how it is said, what is converted and what is not."""

import numpy as np
import pytest

from infer.artifact import Signature, TensorSpec
from infer.inputs import Batcher, InputError, fit_inputs, read_inputs, read_labels

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


def test_other_content_is_not_an_npz_file(file):
    file.write_text("image,label\n1,2\n")

    refused(lambda: read_inputs(file), file)


def test_single_array_is_not_an_npz_file(file):
    with file.open("wb") as opened:
        np.save(opened, IMAGES)

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


@pytest.mark.parametrize("image", [np.zeros((0, 4, 4, 3), np.float32), np.float32(1)])
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

    fitted, notes = fit_inputs(file, signature(), None)

    assert fitted.keys() == {"image"}
    np.testing.assert_array_equal(fitted["image"], IMAGES)
    assert notes == []


TWO = Signature(
    (TensorSpec("left", (None, 2), "float32"), TensorSpec("right", ("batch", "width"), "int64")),
    (),
)


def test_several_inputs_are_found_by_name(file, inputs_file):
    left, right = np.zeros((3, 2), np.float32), np.ones((3, 7), np.int64)
    inputs_file(file, right=right, other=np.zeros(3), left=left)

    fitted, _ = fit_inputs(file, TWO, None)

    assert list(fitted) == ["left", "right"]
    np.testing.assert_array_equal(fitted["right"], right)


def test_missing_name_is_told_with_those_that_are_there(file, inputs_file):
    inputs_file(file, left=np.zeros((3, 2), np.float32), rihgt=np.ones((3, 7), np.int64))

    message = refused(lambda: fit_inputs(file, TWO, None), file)

    assert "'right'" in message and "rihgt" in message


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8"])
def test_wrong_dtype(file, inputs_file, signature, dtype):
    inputs_file(file, image=IMAGES.astype(dtype))

    message = refused(lambda: fit_inputs(file, signature(limits=None), None), file)

    assert dtype in message and "takes float32" in message


@pytest.mark.parametrize("shape", [(5, 4, 4, 1), (5, 3, 4, 4), (5, 48), (5, 4, 4, 3, 1)])
def test_wrong_shape(file, inputs_file, signature, shape):
    inputs_file(file, image=np.zeros(shape, np.float32))

    message = refused(lambda: fit_inputs(file, signature(), None), file)

    assert " x ".join(map(str, shape)) in message
    assert "any x 4 x 4 x 3" in message


@pytest.mark.parametrize("free", [None, "height"])
def test_free_sizes_take_any_number(file, inputs_file, signature, free):
    inputs_file(file, image=IMAGES)

    fitted, _ = fit_inputs(file, signature(shape=(None, free, 4, 3)), None)

    assert fitted["image"].shape == IMAGES.shape


def test_unknown_shape_is_left_to_the_runtime(file, inputs_file, signature):
    inputs_file(file, image=IMAGES)

    fitted, _ = fit_inputs(file, signature(shape=()), None)

    assert fitted["image"].shape == IMAGES.shape


@pytest.mark.parametrize(
    ("limits", "stated"), [(None, STATED), ((0.0, 1.0), None), ((0.0, 1.0), STATED)]
)
def test_bytes_are_scaled_where_the_range_is_stated(file, inputs_file, signature, limits, stated):
    pixels = np.array([0, 51, 255], np.uint8).repeat(48).reshape(3, 4, 4, 3)
    inputs_file(file, image=pixels)

    fitted, notes = fit_inputs(file, signature(limits=limits), stated)

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


def test_bytes_for_a_model_that_takes_bytes_are_not_scaled(file, inputs_file, signature):
    pixels = np.full((3, 4, 4, 3), 200, np.uint8)
    inputs_file(file, image=pixels)

    fitted, notes = fit_inputs(file, signature(dtype="uint8"), STATED)

    np.testing.assert_array_equal(fitted["image"], pixels)
    assert notes == []


def test_fitted_arrays_are_contiguous(file, inputs_file, signature):
    inputs_file(file, image=np.asfortranarray(IMAGES))

    fitted, _ = fit_inputs(file, signature(), None)

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
        (2, [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4], [0, 1]]),
        (5, [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]),
        (6, [[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 1]]),
        (12, [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1], [2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3]]),
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
    assert batches.full(2)["a"].tolist() == [8, 9, 0, 1]
