"""The inputs of a worker hold no true labels, and are copied only if the user's file does."""

import zipfile

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.loading import read_inputs
from infer.inputs.worker_inputs import WorkerInputs
from infer.tensors.text import pack_all

IMAGES = np.random.default_rng(0).random((4, 2), np.float32)


def text(*values):
    return np.array(values, object)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("labels", [np.arange(4), text("a", "b", "c", "d")])
def test_labels_are_left_out_and_the_rest_is_equal(tmp_path, save, labels):
    file = tmp_path / "test.npz"
    names = text("x", "", "\0", "ü")
    save(file, **pack_all({"image": IMAGES, "labels": labels, "names": names}))
    inputs = WorkerInputs(file, tmp_path / "inputs")

    arrays = read_inputs(inputs.path())

    assert list(arrays) == ["image", "names"]
    assert np.array_equal(arrays["image"], IMAGES)
    assert list(arrays["names"]) == list(names)
    assert not [name for name in zipfile.ZipFile(inputs.path()).namelist() if "labels" in name]
    assert inputs.readable == [tmp_path / "inputs"]
    assert inputs.withheld == [file]


@pytest.mark.parametrize("name", ["labels", "labels.npy"])
def test_labels_under_any_name_that_is_read_as_labels(tmp_path, name):
    """NumPy reads a member with and without its suffix, and one that is there twice."""
    file = tmp_path / "test.npz"
    np.savez(file, image=IMAGES)
    np.save(tmp_path / "labels.npy", np.arange(4))
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.write(tmp_path / "labels.npy", name)
        archive.write(tmp_path / "labels.npy", name)
    assert "labels" in np.load(file).files

    assert list(read_inputs(WorkerInputs(file, tmp_path / "inputs").path())) == ["image"]


def test_a_file_without_labels_is_not_copied(tmp_path):
    np.savez(tmp_path / "test.npz", image=IMAGES)
    np.save(tmp_path / "image.npy", IMAGES)
    for name in ("test.npz", "image.npy"):
        inputs = WorkerInputs(tmp_path / name, tmp_path / "inputs")
        assert inputs.path() == tmp_path / name
        assert inputs.readable == [tmp_path / "inputs", tmp_path / name]
        assert inputs.withheld == []
    assert not list((tmp_path / "inputs").iterdir())


def test_a_copy_is_made_once_for_each_file(tmp_path):
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        np.savez(folder / "test.npz", image=IMAGES, labels=np.arange(4))
    inputs, others = (
        WorkerInputs(folder / "test.npz", tmp_path / "inputs")
        for folder in (tmp_path, tmp_path / "other")
    )
    made = inputs.path().stat().st_mtime_ns

    assert inputs.path().stat().st_mtime_ns == made
    assert others.path() != inputs.path()


def test_a_file_that_is_written_after_the_start_is_read_in_the_folder(tmp_path):
    inputs = WorkerInputs(tmp_path / "test.npz", tmp_path / "inputs", is_there=False)
    assert inputs.readable == [tmp_path / "inputs"]
    np.savez(tmp_path / "test.npz", image=IMAGES)

    assert inputs.path().parent == tmp_path / "inputs"
    assert np.array_equal(read_inputs(inputs.path())["image"], IMAGES)


def test_a_damaged_file_is_named(tmp_path):
    file = tmp_path / "test.npz"
    np.savez(file, image=IMAGES, labels=np.arange(4))
    data = bytearray(file.read_bytes())
    data[200] ^= 255  # in the values of the image
    file.write_bytes(data)

    with pytest.raises(InputError, match=r"test.npz: not a whole .npz file"):
        WorkerInputs(file, tmp_path / "inputs").path()
