"""What is read of a file of inputs, and how a file that is none is refused."""

import zipfile

import numpy as np
import pytest
from fitted_inputs import IMAGES, refused

from infer.errors import InputError
from infer.inputs.loading import read_inputs, read_labels
from infer.inputs.writing import write_inputs

pytest_plugins = ("input_fixtures",)


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


@pytest.mark.parametrize("name", ["readme.txt", "folder/", "labels.npy"])
def test_a_member_that_is_no_array_is_named(file, inputs_file, name):
    inputs_file(file, image=IMAGES)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, b"")

    assert f"'{name.removesuffix('.npy')}' in it is no array" in refused(
        lambda: read_inputs(file), file
    )


def test_a_name_that_stands_for_two_arrays_is_refused(file, inputs_file):
    """NumPy would give the later one for both."""
    inputs_file(file, image=IMAGES)
    with zipfile.ZipFile(file, "a") as archive, zipfile.ZipFile(file) as same:
        archive.writestr("image", same.read("image.npy"))

    assert "'image' twice" in refused(lambda: read_inputs(file), file)


def test_inputs_may_be_called_as_arguments_of_numpy_are(file):
    arrays = dict.fromkeys(("file", "allow_pickle", "args", "a/b", "x.npy", "\x1b"), IMAGES)

    write_inputs(file, arrays)

    assert read_inputs(file).keys() == arrays.keys()
    with pytest.raises(InputError, match="not a name"):
        write_inputs(file, {"\ud800": IMAGES})


def test_members_without_end_are_refused_before_they_are_read(file):
    """NumPy takes a time for them that grows with the square of their number."""
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}.npy", b"")

    assert "10,001 files" in refused(lambda: read_inputs(file), file)


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
