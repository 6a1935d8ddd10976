"""The inputs of a worker hold no true labels, and are unpacked only where they must be."""

import errno
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs import unpacking
from infer.inputs.loading import open_inputs, read_inputs
from infer.inputs.store import StoreWriter
from infer.inputs.worker_inputs import WorkerInputs
from infer.inputs.writing import write_inputs
from infer.tensors.npy_writer import NpyWriter
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
    assert not [path for path in inputs.path().rglob("*") if b"labels" in path.read_bytes()]
    assert inputs.readable == [inputs.path()]
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

    inputs = WorkerInputs(file, tmp_path / "inputs")
    assert inputs.withheld == [file]
    with pytest.raises(InputError, match="twice"):
        inputs.path()


@pytest.mark.parametrize("name", ["test.npz", "image.npy"])
def test_what_lies_plainly_in_a_file_without_labels_is_mapped_there(tmp_path, name):
    file = tmp_path / name
    np.save(file, IMAGES) if name == "image.npy" else np.savez(file, image=IMAGES)
    inputs = WorkerInputs(file, tmp_path / "inputs")

    assert inputs.readable == [inputs.path(), file]
    assert inputs.withheld == []
    assert inputs.unpacked_bytes() == 0
    assert [path.name for path in inputs.path().iterdir()] == ["tensors.json"]
    image = open_inputs(inputs.path())["image"]
    assert image.mapped and np.array_equal(np.asarray(image), IMAGES)


def test_compressed_arrays_and_those_with_samples_apart_are_unpacked(tmp_path):
    file = tmp_path / "test.npz"
    np.savez_compressed(file, image=IMAGES)
    with zipfile.ZipFile(file, "a") as archive:
        for number, array in {"plain": np.arange(4), "columns": np.asfortranarray(IMAGES)}.items():
            np.save(tmp_path / "array.npy", array)
            archive.write(tmp_path / "array.npy", f"{number}.npy", zipfile.ZIP_STORED)
    inputs = WorkerInputs(file, tmp_path / "inputs")

    assert inputs.unpacked_bytes() == 2 * (IMAGES.nbytes + 128)
    assert inputs.readable == [inputs.path(), file]
    arrays = open_inputs(inputs.path())
    assert inputs.unpacked_bytes() == 0
    assert {path.name for path in inputs.path().glob("*.npy")} == {"0.npy", "2.npy"}
    assert arrays["plain"].limits() == arrays["plain"].extremes == (0, 3)
    for name, expected in {"image": IMAGES, "plain": np.arange(4), "columns": IMAGES}.items():
        assert arrays[name].mapped and np.array_equal(np.asarray(arrays[name]), expected)


def test_no_disk_is_filled(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "test.npz", image=IMAGES)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))

    with pytest.raises(InputError, match=r"test.npz: needs .* GB of disk"):
        WorkerInputs(tmp_path / "test.npz", tmp_path / "inputs").path()


def test_a_disk_that_fills_is_no_file_that_cannot_be_read(tmp_path, monkeypatch):
    def full(self, rows):
        raise OSError(errno.ENOSPC, "No space left on device")

    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((4, 3)))
    monkeypatch.setattr(NpyWriter, "append", full)
    with pytest.raises(InputError, match=r"a\.npz: cannot be unpacked into .*No space.* --out"):
        WorkerInputs(tmp_path / "a.npz", tmp_path / "stores").path()


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


def test_random_inputs_are_mapped_in_the_file_that_was_opened_to_the_worker(tmp_path):
    file = tmp_path / "inputs.npz"
    inputs = WorkerInputs(file, tmp_path / "inputs", is_drawn=True)
    tensors, opened = inputs.readable
    number = file.stat().st_ino
    write_inputs(file, {"image": IMAGES})

    assert (inputs.path(), file) == (tensors, opened)
    assert file.stat().st_ino == number  # a sandbox opens files by their number
    assert [path.name for path in tensors.iterdir()] == ["tensors.json"]
    assert np.array_equal(read_inputs(inputs.path())["image"], IMAGES)


def test_a_damaged_file_is_named(tmp_path):
    file = tmp_path / "test.npz"
    np.savez(file, image=IMAGES, labels=np.arange(4))
    data = bytearray(file.read_bytes())
    data[200] ^= 255  # in the values of the image
    file.write_bytes(data)

    with pytest.raises(InputError, match=r"test.npz: not a whole .npz file"):
        WorkerInputs(file, tmp_path / "inputs").path()


def test_a_store_that_is_kept_is_found_by_the_content_of_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPORTBENCH_INPUTS_CACHE", str(tmp_path / "kept"))
    for name in ("a.npz", "b.npz"):
        np.savez_compressed(tmp_path / name, image=IMAGES)
    first = WorkerInputs(tmp_path / "a.npz", tmp_path / "run").with_kept()
    made = first.path()

    again = WorkerInputs(tmp_path / "b.npz", tmp_path / "other").with_kept()

    assert made.is_relative_to(tmp_path / "kept")
    assert not again.unpacked_bytes()
    assert np.array_equal(read_inputs(again.store)["image"], IMAGES)
    np.savez(tmp_path / "plain.npz", image=IMAGES)  # it stays where it lies
    assert WorkerInputs(tmp_path / "plain.npz", tmp_path / "run").with_kept().kept is None
    np.savez_compressed(tmp_path / "b.npz", image=IMAGES + 1)
    assert WorkerInputs(tmp_path / "b.npz", tmp_path / "run").with_kept().unpacked_bytes()


def test_the_truth_of_a_store_is_withheld_wherever_it_lies(tmp_path):
    with StoreWriter(tmp_path / "store") as store:
        store.append({"image": IMAGES})
        store.append_truth({"labels": np.arange(4)})
    inputs = WorkerInputs(
        tmp_path / "store", tmp_path / "run", made_of=(tmp_path / "images", tmp_path / "l.csv")
    )

    closed = {path.relative_to(tmp_path).as_posix() for path in inputs.withheld}
    assert closed == {"store/truth", "images", "l.csv"}
    assert inputs.readable == [tmp_path / "store" / "tensors"]
