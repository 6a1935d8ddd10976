"""Arrays are walked over a chunk at a time, and what was read of a file is given back."""

import mmap

import numpy as np
import pytest

from infer.tensors import chunks
from infer.tensors.chunks import largest_columns, sample_chunks, value_chunks

WIDTH = 1000


@pytest.fixture
def mapped(tmp_path):
    """120 MB of scores in a file, and what is mapped of it, in bytes."""
    scores = np.random.default_rng(0).random((30_000, WIDTH), dtype=np.float32)
    scores.tofile(tmp_path / "scores")
    with (tmp_path / "scores").open("rb") as file:
        mapping = mmap.mmap(file.fileno(), scores.nbytes, access=mmap.ACCESS_READ)
    return np.frombuffer(mapping, np.float32).reshape(scores.shape), scores


def resident_bytes(name):
    """Bytes of the files that this process has mapped and reached: of those of a name."""
    held, is_ours = 0, False
    with open("/proc/self/smaps") as lines:  # noqa: PTH123 - it is no file on a disk
        for line in lines:
            if line.split("-")[0].isalnum() and "-" in line.split()[0]:
                is_ours = line.rstrip().endswith(name)
            elif is_ours and line.startswith("Rss:"):
                held += int(line.split()[1]) << 10
    return held


@pytest.mark.parametrize("walk", [sample_chunks, value_chunks])
def test_what_was_read_of_a_file_is_given_back(mapped, tmp_path, walk):
    array, scores = mapped
    name = str(tmp_path / "scores")
    assert float(array.sum()) and resident_bytes(name) >= scores.nbytes
    most = 0
    for number, (chunk,) in enumerate(walk(array)):
        assert chunk.min() >= 0
        if number:  # the first chunk gives back what was read before
            most = max(most, resident_bytes(name))
    assert 0 < most < scores.nbytes / 4
    np.testing.assert_array_equal(array, scores)


def test_the_largest_column_of_each_row(mapped):
    array, scores = mapped
    np.testing.assert_array_equal(largest_columns(array), scores.argmax(axis=1))
    assert largest_columns(np.zeros((0, 3))).shape == (0,)
    assert largest_columns(np.array([[1.0, np.nan, 2.0]])).tolist() == [1]  # as argmax has it


def test_nothing_is_done_to_memory_that_is_no_file():
    array = np.arange(12.0).reshape(3, 4)
    chunks.give_back(array, array[1:], np.frombuffer(b"abcd", np.uint8), np.array(1))
    np.testing.assert_array_equal(array.reshape(-1), np.arange(12.0))
