"""Rows that are collected a chunk at a time are those of one concatenation, wherever they lie."""

import mmap

import ml_dtypes
import numpy as np
import pytest

from infer.tensors import collected_rows
from infer.tensors.collected_rows import CollectedRows

RANDOM = np.random.default_rng(0)


def lies_in_a_file(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(getattr(array, "obj", array), mmap.mmap)


@pytest.mark.parametrize(
    ("chunks", "in_file"),
    [
        ([RANDOM.random((3, 2)), RANDOM.random((1, 2))], False),
        ([RANDOM.random((n, 5)).astype("f4") for n in (400, 1, 0, 700)], True),
        ([RANDOM.random((n, 5))[:, ::2] for n in (400, 600)], True),  # not contiguous
        ([RANDOM.integers(0, 9, 9_000), RANDOM.integers(0, 9, 3)], True),
        ([RANDOM.random((900, 2, 3)) > 0.5] * 3, True),
        ([np.array(["a"] * 9_000), np.array(["longer"] * 9_000)], False),
        ([RANDOM.random(9_000), RANDOM.random(9_000).astype("f4")], False),
    ],
)
def test_they_are_those_of_one_concatenation(monkeypatch, chunks, in_file):
    monkeypatch.setattr(collected_rows, "_MOST_IN_MEMORY", 10_000)
    if not in_file:  # what is unlike comes before there is too much
        monkeypatch.setattr(collected_rows, "_MOST_IN_MEMORY", 200_000)
    collected = CollectedRows()
    for chunk in chunks:
        collected.add(chunk)
    joined = collected.joined()
    right = np.concatenate(chunks)
    assert joined.dtype == right.dtype
    np.testing.assert_array_equal(joined, right)
    assert lies_in_a_file(joined) == in_file


@pytest.mark.parametrize("kind", ["f8", "i8", "f2"])
def test_what_is_unlike_those_in_the_file_is_joined_in_memory(monkeypatch, kind):
    monkeypatch.setattr(collected_rows, "_MOST_IN_MEMORY", 5_000)
    first = RANDOM.random((1_000, 2)).astype("f4")
    chunks = [first, (9 * RANDOM.random((5, 2))).astype(kind), first]
    collected = CollectedRows()
    for chunk in chunks:
        collected.add(chunk)
    right = np.concatenate(chunks)
    assert collected.joined().dtype == right.dtype
    np.testing.assert_array_equal(collected.joined(), right)


def test_types_that_numpy_does_not_have_are_kept(monkeypatch):
    monkeypatch.setattr(collected_rows, "_MOST_IN_MEMORY", 10)
    values = RANDOM.random((8, 3)).astype(ml_dtypes.bfloat16)
    collected = CollectedRows()
    collected.add(values[:5])
    collected.add(values[5:])
    joined = collected.joined()
    assert joined.dtype == values.dtype and lies_in_a_file(joined)
    np.testing.assert_array_equal(joined, values)
