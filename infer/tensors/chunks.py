"""Walk over arrays a chunk at a time: they may lie on disk, and be larger than the memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np

# Values in a chunk; functions over them take some ten times 8 bytes for each.
_VALUES = 1 << 20


def sample_chunks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut arrays with the same first axis into chunks of some samples.

    What was read of files is given back after each chunk.

    Yields:
        The same samples of each array; the arrays themselves, if they have no axis.
    """
    if not arrays[0].ndim:
        yield arrays
        return
    per_sample = max(array[:1].size for array in arrays)
    step = max(1, _VALUES // max(1, per_sample))
    for begin in range(0, max(1, len(arrays[0])), step):
        yield tuple(array[begin : begin + step] for array in arrays)
        give_back(*arrays)


def value_chunks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut arrays of one shape into chunks of values, each in one row.

    Large samples are cut too; nothing is copied where an array is contiguous.
    """
    for parts in sample_chunks(*arrays):
        rows = [part.reshape(-1) for part in parts]
        for begin in range(0, max(1, rows[0].size), _VALUES):
            yield tuple(row[begin : begin + _VALUES] for row in rows)


def largest_columns(rows: np.ndarray) -> np.ndarray:
    """The column of the largest value in each row of N x columns, int64."""
    columns = np.zeros(len(rows), np.int64)
    begin = 0
    for (chunk,) in sample_chunks(rows):
        columns[begin : begin + len(chunk)] = chunk.argmax(axis=1)
        begin += len(chunk)
    return columns


def give_back(*arrays: np.ndarray) -> None:
    """Give the memory of mapped files back to the system, whose cache keeps what was read."""
    for array in arrays:
        owner: object = array
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, memoryview):
            owner = owner.obj
        if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)
