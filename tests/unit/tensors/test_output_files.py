"""Folders of outputs that are not what a worker should write."""

import json
import os
import socket

import numpy as np
import pytest

from infer.regular_file import opened_folder
from infer.tensors.call_writer import write_calls, write_index
from infer.tensors.npy_writer import NpyWriter
from infer.tensors.output_files import read_saved, take_over
from infer.tensors.outputs import CallSamples
from infer.tensors.row_files import OutputError
from infer.tensors.text import unpack

CALLS = (CallSamples.from_range(0, 2), CallSamples.from_range(2, 1))


@pytest.fixture
def folder(tmp_path):
    """A folder with numbers and text."""
    made = tmp_path / "outputs"
    made.mkdir()
    parts = [
        {"y": np.arange(2 * n, dtype=np.float32).reshape(n, 2), "t": np.array(["ä"] * n, object)}
        for n in (2, 1)
    ]
    write_calls(made, parts, CALLS)
    return made


def test_what_is_taken_over_is_what_was_written(folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()

    take_over(folder, again, lambda calls: None)

    for file in folder.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes()


def with_index(**changes):
    """A change of the index: values by "calls", or fields of the first output."""

    def change(folder):
        index = json.loads((folder / "outputs.json").read_text())
        if "calls" in changes:
            index["calls"] = changes.pop("calls")
        index["outputs"][0] |= changes
        (folder / "outputs.json").write_text(json.dumps(index))

    return change


def with_text(text):
    return lambda folder: (folder / "outputs.json").write_text(text)


def replaced(make, name="output_0.npy"):
    def change(folder):
        (folder / name).unlink()
        make(folder / name)

    return change


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as server, opened_folder(path.parent) as descriptor:
        server.bind(f"/proc/self/fd/{descriptor}/{path.name}")


def sparse(header_count):
    """A file whose header says very many values, and that is as long as it says, with holes."""

    def make(path):
        np.save(path, np.zeros(1, np.float32))
        header = path.read_bytes()[:128]
        count = str(header_count).encode()
        longer = header.replace(b"(1,)", b"(" + count + b",)")
        path.write_bytes(longer[: len(longer) - len(count)] + b"\n")
        os.truncate(path, 128 + 4 * header_count)

    return make


def objects(path):
    np.save(path, np.array([{}, []], object), allow_pickle=True)


def structures(path):
    np.save(path, np.zeros(6, [("a", "f4")]))


HOSTILE = {
    "no index": lambda folder: (folder / "outputs.json").unlink(),
    "no file": lambda folder: (folder / "output_0.npy").unlink(),
    "pipe": replaced(os.mkfifo),
    "pipe as index": replaced(os.mkfifo, "outputs.json"),
    "socket": replaced(unix_socket),
    "folder": replaced(os.mkdir),
    "link": replaced(lambda path: path.symlink_to("/etc/hostname")),
    "link to itself": replaced(lambda path: path.symlink_to(path)),
    "device": replaced(lambda path: path.symlink_to("/dev/zero"), "outputs.json"),
    "terabyte": replaced(sparse(1 << 38)),
    "empty": replaced(lambda path: path.write_bytes(b"")),
    "no array": replaced(lambda path: path.write_bytes(b"no array" * 99)),
    "header alone": replaced(lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\xff\xff{'descr'")),
    "deep header": replaced(
        lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\xf0\x00" + b"(" * 240)
    ),
    "other size": replaced(lambda path: np.save(path, np.zeros(7, np.float32))),
    "other type": replaced(lambda path: np.save(path, np.zeros(6, np.int32))),
    "other rank": replaced(lambda path: np.save(path, np.zeros((3, 2), np.float32))),
    "pickle": replaced(objects),
    "structures": replaced(structures),
    "not JSON": with_text("{"),
    "no object": with_text("[]"),
    "deep": with_text("[" * 100_000),
    "no fields": with_text("{}"),
    "no UTF-8": lambda folder: (folder / "outputs.json").write_bytes(b'{"calls": "\xff"}'),
    "half a character": with_text('{"calls": [], "outputs": [{"name": "\\ud800"}]}'),
    "name twice": with_index(name="t"),
    "unknown field": with_index(code="x"),
    "huge shape": with_index(shapes=[[2**40, 2**40], [1]]),
    "huge empty shape": with_index(shapes=[[0, 2**40, 2**40], [6]]),
    "negative size": with_index(shapes=[[-1, -2], [1, 2]]),
    "many dimensions": with_index(shapes=[[1] * 99, [6]]),
    "shapes of fewer calls": with_index(shapes=[[3, 2]]),
    "no type": with_index(dtype="i4,i4"),
    "large type": with_index(dtype="S1000000000"),
    "function as type": with_index(dtype="finfo"),
    "billions of samples": with_index(calls=[{"rows": [[0, 2**40]], "samples": 2}] * 2),
    "samples again and again": with_index(calls=[{"rows": [[0, 2**23]] * 9, "samples": 2}] * 2),
    "samples backwards": with_index(calls=[{"rows": [[5, 2]], "samples": 0}] * 2),
    "more samples than rows": with_index(calls=[{"rows": [[0, 2]], "samples": 3}] * 2),
    "text of no UTF-8 lengths": lambda folder: np.save(
        folder / "output_1.npy", np.array([-1, 1, 6])
    ),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_folder_that_is_not_as_it_should_be_is_refused_in_a_line(folder, change):
    change(folder)

    with pytest.raises(OutputError) as caught:
        read_saved(folder)

    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_all_files_together_have_a_limit(folder):
    with pytest.raises(OutputError, match="more than"):
        read_saved(folder, most_bytes=200)
    assert read_saved(folder, most_bytes=500)
    with pytest.raises(OutputError, match=r"outputs.json has .* more than"):
        read_saved(folder, most_index_bytes=20)


def test_a_folder_that_is_a_link_is_not_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)

    with pytest.raises(OutputError, match="link is no folder"):
        read_saved(tmp_path / "link")


def test_lengths_whose_sum_begins_anew_are_refused():
    data = np.zeros(4, np.uint8)
    with pytest.raises(ValueError, match="a length does not lie"):
        unpack(data, np.array([4, 2**64 - 4, 4], np.uint64))


@pytest.mark.parametrize("calls", [1, 64])
def test_shapes_without_values_that_no_array_may_have_are_refused(tmp_path, calls):
    with NpyWriter(tmp_path / "output_0.npy", np.dtype(np.complex128)):
        pass
    shapes = [[0, (1 << 59) // calls >> 20, 1 << 20]] * calls
    samples = [{"rows": [[number, number + 1]], "samples": 1} for number in range(calls)]
    output = {"name": "y", "dtype": "complex128", "shapes": shapes}
    write_index(tmp_path, {"calls": samples, "outputs": [output]})

    with pytest.raises(OutputError, match="has the shape"):
        read_saved(tmp_path)
