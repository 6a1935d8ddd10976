"""A store holds tensors as they were, in parts as they came, and its arrays are mapped."""

import json

import numpy as np
import pytest

from infer.errors import InputError
from infer.inputs.loading import array_names, check_inputs, read_inputs, read_labels
from infer.inputs.store import INDEX, TENSORS, TRUTH, StoreWriter, open_store
from infer.inputs.worker_inputs import WorkerInputs
from infer.tensors.text import pack

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), np.uint8)
TEXTS = np.array(["x", "", "a\0", "ü", "two words", "y", "z"], object)


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    with StoreWriter(folder) as writer:
        for rows in (slice(0, 3), slice(3, 7)):
            writer.append({"image": IMAGES[rows], "text": TEXTS[rows]})
            writer.append_truth({"labels": np.arange(7)[rows]})
        writer.add("threshold", np.float32(0.5))
    return folder


def test_what_was_written_comes_back(store):
    tensors = open_store(store)

    assert list(tensors) == ["image", "threshold", "text"]
    np.testing.assert_array_equal(np.asarray(tensors["image"]), IMAGES)
    assert np.asarray(tensors["text"]).tolist() == TEXTS.tolist()
    assert tensors["text"][np.array([3, 0])].tolist() == ["ü", "x"]
    assert np.asarray(tensors["threshold"]) == np.float32(0.5)
    assert read_labels(store).tolist() == list(range(7))
    assert set(array_names(store)) == {"image", "text", "threshold", "labels"}
    check_inputs(store)


def test_arrays_are_mapped_and_samples_are_copies(store):
    image = open_store(store)["image"]

    assert not image.values.flags.writeable and not image.values.flags.owndata
    taken = image[2:4]
    taken[:] = 0  # a model may write to what it is given
    np.testing.assert_array_equal(image[2:4], IMAGES[2:4])
    assert image.limits() == (int(IMAGES.min()), int(IMAGES.max()))


def test_a_file_of_the_store_is_an_npy_file(store):
    np.testing.assert_array_equal(np.load(store / TENSORS / "0.npy"), IMAGES)


def test_labels_lie_outside_of_what_workers_may_read(store):
    assert np.load(store / TRUTH / TENSORS / "0.npy").tolist() == list(range(7))
    assert "labels" not in (store / TENSORS / INDEX).read_text()


@pytest.mark.parametrize("rows", [IMAGES.astype(np.float32), IMAGES[:, :2]])
def test_rows_of_another_kind_are_refused(tmp_path, rows):
    with pytest.raises(ValueError, match="'image': rows of"), StoreWriter(tmp_path / "s") as writer:
        writer.append({"image": IMAGES})
        writer.append({"image": rows})
    assert not (tmp_path / "s" / TENSORS / INDEX).exists()


def test_damage_is_one_line(store):
    file = store / TENSORS / "0.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="not a whole folder of inputs"):
        read_inputs(store)
    file.unlink()
    with pytest.raises(InputError, match=r"0\.npy: cannot be read"):
        read_inputs(store)
    index = store / TENSORS / INDEX
    for text in ("", "[]", json.dumps({"version": 2})):
        index.write_text(text)
        with pytest.raises(InputError, match="not a whole folder of inputs"):
            read_inputs(store)


def with_entry(store, **fields):
    """The store, whose index says something else of its first array."""
    index = store / TENSORS / INDEX
    said = json.loads(index.read_text())
    said["arrays"][0] |= fields
    index.write_text(json.dumps(said))
    return store


@pytest.mark.parametrize("file", ["../truth/tensors/0.npy", "{}/mine.npy", "below/0.npy", "0.bin"])
def test_an_index_names_nothing_outside_of_the_store(store, tmp_path, file):
    np.save(tmp_path / "mine.npy", IMAGES)
    (store / TENSORS / "below").mkdir()
    for name in ("below/0.npy", "0.bin"):  # which no hash of the store is of
        (store / TENSORS / name).write_bytes((tmp_path / "mine.npy").read_bytes())
    with_entry(store, file=file.format(tmp_path))

    for opened in (open_store, read_inputs, check_inputs, array_names):
        with pytest.raises(InputError, match=r"which is no \.npy file in"):
            opened(store)


def test_links_in_a_store_are_not_followed(store, tmp_path):
    np.save(tmp_path / "mine.npy", IMAGES)
    file = store / TENSORS / "0.npy"
    file.unlink()
    file.symlink_to(tmp_path / "mine.npy")
    with pytest.raises(InputError, match=r"which is no \.npy file in"):
        open_store(store)
    (store / TRUTH).rename(tmp_path / "truth")
    (store / TRUTH).symlink_to(tmp_path / "truth")
    with pytest.raises(InputError, match="is a link"):
        read_labels(store)


def test_a_store_made_of_a_file_names_that_file_alone(tmp_path):
    np.save(tmp_path / "image.npy", IMAGES)
    tensors = WorkerInputs(tmp_path / "image.npy", tmp_path / "made").path()

    assert open_store(tensors, beside=[tmp_path / "image.npy"]).keys() == {"image"}
    assert open_store(tensors, beside=None).keys() == {"image"}
    with pytest.raises(InputError, match=r"which is no \.npy file in"):
        open_store(tensors, beside=[tmp_path / "other.npy"])


def test_the_truth_is_no_tensor_of_a_store(store):
    with pytest.raises(InputError, match=r"has the truth 'labels\.mask' among the tensors"):
        check_inputs(with_entry(store, name="labels.mask"))


def test_the_folder_of_tensors_alone_is_no_store(store):
    with pytest.raises(InputError, match="name the folder that it is in"):
        check_inputs(store / TENSORS)


def test_an_index_that_is_nested_too_deeply(store):
    (store / TENSORS / INDEX).write_text("[" * 200_000)
    with pytest.raises(InputError, match="not a whole folder of inputs"):
        read_inputs(store)


def test_a_single_text(tmp_path):
    data, lengths = pack(np.array("two words", object))
    with StoreWriter(tmp_path / "s") as writer:
        writer.add("text.bytes", data)
        writer.add("text.lengths", lengths)

    assert np.asarray(open_store(tmp_path / "s")["text"]).item() == "two words"
