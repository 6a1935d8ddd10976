"""What is read of a mapped file: pages are given back, and what follows is asked for."""

import mmap
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from infer.inputs import npy
from infer.inputs.lazy_array import LazyArray
from infer.inputs.npy import MappedArray

ROWS, ROW_BYTES = 12, 100_000


class Mapping:
    """Stands for the mapping of an array: says what the system was asked to read.

    Attributes:
        asked: first byte, and the one after the last, of each request, in the mapping.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def madvise(self, advice: int, start: int, length: int) -> None:
        assert advice == mmap.MADV_WILLNEED
        assert start % mmap.PAGESIZE == 0
        self.asked.append((start, start + length))


@pytest.fixture
def blocks(monkeypatch):
    """How many blocks this process has read from the disk; the tests count on."""
    usage = SimpleNamespace(ru_inblock=0)
    monkeypatch.setattr(npy.resource, "getrusage", lambda _: usage)
    return usage


@pytest.fixture
def mapped(tmp_path):
    values = np.arange(ROWS * ROW_BYTES, dtype=np.uint32).astype(np.uint8)
    np.save(tmp_path / "values.npy", values.reshape(ROWS, ROW_BYTES))
    array = MappedArray(tmp_path / "values.npy")
    array._map = Mapping()
    return array


def place(mapped, row):
    """The byte of the mapping where a row begins."""
    return mapped._offset + row * ROW_BYTES


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_what_follows_is_asked_for_while_values_come_from_the_disk(mapped, blocks, rows):
    blocks.ru_inblock = 8
    mapped.was_read(mapped.array[1 : 1 + rows])
    asked = mapped._map.asked
    first, last = place(mapped, 1 + rows), place(mapped, 1 + 2 * rows)
    assert first - mmap.PAGESIZE < asked[0][0] <= first
    assert asked[-1][1] == last
    assert all(end == start for (_, end), (start, _) in pairwise(asked))
    assert max(end - start for start, end in asked) <= 128 << 10


def test_nothing_is_asked_for_while_all_lies_in_memory(mapped, blocks):
    blocks.ru_inblock = 8
    mapped.was_read(mapped.array[:1])
    mapped._map.asked.clear()
    mapped.was_read(mapped.array[1:2])
    assert mapped._map.asked == []
    blocks.ru_inblock = 16
    mapped.was_read(mapped.array[2:3])
    assert mapped._map.asked != []


@pytest.mark.parametrize(
    "rows",
    [slice(ROWS - 2, ROWS), slice(0, ROWS), slice(0, 0), [0, 3, 4], (slice(None), slice(0, 9))],
    ids=["the last", "all", "none", "a copy", "columns"],
)
def test_nothing_is_asked_for_that_does_not_follow(mapped, blocks, rows):
    blocks.ru_inblock = 8
    mapped.was_read(mapped.array[rows])
    assert mapped._map.asked == []


def test_the_rest_is_asked_for_where_less_follows(mapped, blocks):
    blocks.ru_inblock = 8
    mapped.was_read(mapped.array[ROWS - 5 : ROWS - 2])
    assert mapped._map.asked[-1][1] == place(mapped, ROWS)


def test_a_request_that_is_refused_changes_nothing(mapped, blocks):
    def refuse(*_):
        raise OSError("not supported")

    blocks.ru_inblock = 8
    mapped._map.madvise = refuse
    mapped.was_read(mapped.array[:1])


def test_samples_in_another_layout_are_the_same_stretch(mapped, blocks):
    lazy = LazyArray.of_mapped(mapped)
    lazy = lazy.with_values(lazy.view().reshape(ROWS, 100, 1000).transpose(0, 2, 1))
    blocks.ru_inblock = 8
    assert np.array_equal(lazy[2:4], mapped.array[2:4].reshape(2, 100, 1000).transpose(0, 2, 1))
    assert mapped._map.asked[-1][1] == place(mapped, 6)


@pytest.mark.parametrize("batch", [1, 5])
def test_all_values_of_a_file_are_read_unchanged(tmp_path, batch):
    values = np.random.default_rng(0).integers(0, 256, (50, 200_000), np.uint8)
    np.save(tmp_path / "values.npy", values)
    lazy = LazyArray.of_mapped(MappedArray(tmp_path / "values.npy"))
    for first in range(0, 50, batch):
        assert np.array_equal(lazy[first : first + batch], values[first : first + batch])
