"""A sketch of an output: a few thousand numbers, by which a changed output is told from it.

A sketch holds, whatever the number of samples:

- single values: one of each of so many equal parts of the output, at a place drawn in it;
- sums of all values, each with a sign that is drawn: of the values of a sample, or of a part of
  them, or of a few samples where there are very many;
- of an output with a value for every class, the label of each sample, and how far its value is
  above the next;
- of text, and of whole numbers that are too large to be calculated with, a hash of each sample.

A small output is held whole, and needs no sums. Places and signs are those of a fixed seed, so that
two sketches of outputs of one shape hold the same values and sums.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

from ..tensors.chunks import give_back, sample_chunks
from ..tensors.dtypes import kind_of, widened
from ..tensors.text import as_bytes

# The most values and sums of all outputs of an artifact, of one output, and the least of one.
_VALUES, _SUMS = (4096, 2048, 64), (8192, 4096, 64)
# Values that are widened at once.
_CHUNK = 1 << 20
# Places of which values are taken at once: the system maps 64 KiB around each.
_PLACES = 512
# float64 holds whole numbers, and sums of them, up to here.
_LARGEST_WHOLE = 2.0**53
# Labels are kept by four bits.
LABEL_CODES = 16

NUMBERS, HASHES = "numbers", "hashes"


@dataclass(frozen=True)
class Sketch:
    """A sketch of an output.

    Attributes:
        form: `NUMBERS` or `HASHES`.
        shape: shape of the output, N x anything.
        is_whole: whether its values are whole numbers.
        is_complex: whether each value has two parts, which are kept as two values.
        largest: the largest absolute value that is finite.
        non_finite: hash of where NaN and infinities are; "" if there are none.
        values: single values, float64; 0 for those that are not finite.
        sums: sums with signs, float64; empty if `values` holds all.
        labels: label of each sample, or of each few, as a number below 16, uint8; empty if the
            output has no classes.
        gaps: of as many, the largest value less the next, float64.
        hashes: of each sample, or of each few, uint16; empty unless the form is `HASHES`.
    """

    form: str
    shape: tuple[int, ...]
    is_whole: bool = False
    is_complex: bool = False
    largest: float = 0.0
    non_finite: str = ""
    values: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sums: np.ndarray = field(default_factory=lambda: np.zeros(0))
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    gaps: np.ndarray = field(default_factory=lambda: np.zeros(0))
    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint16))


def sketch_of(array: np.ndarray, outputs: int = 1) -> Sketch:
    """Make the sketch of an output.

    Args:
        array: the output, N x anything, of any type.
        outputs: number of outputs of the artifact, which share the numbers that are kept.
    """
    shape = array.shape
    rows = np.atleast_1d(array)
    rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    kind = kind_of(array.dtype)
    if kind == "complex":
        rows = np.stack([rows.real, rows.imag], axis=-1).reshape(len(rows), 2 * rows.shape[1])
    is_whole = kind in ("int", "bool")
    count = _share(_SUMS, outputs)
    if kind not in ("float", "int", "bool", "complex"):
        return Sketch(HASHES, shape, hashes=_hashes(rows, count))
    numbers = _numbers(rows, count)
    if is_whole and numbers.largest * max(1, rows.size) >= _LARGEST_WHOLE:
        return Sketch(HASHES, shape, is_whole, hashes=_hashes(rows, count))
    holds_all = rows.size <= count
    places = _places(rows.size, rows.size if holds_all else _share(_VALUES, outputs))
    values = _finite(widened(_taken(rows.reshape(-1), places)))
    return Sketch(
        NUMBERS,
        shape,
        is_whole,
        kind == "complex",
        numbers.largest,
        numbers.non_finite,
        values,
        np.zeros(0) if holds_all else numbers.sums,
        *_labels(rows, count, has_classes=array.ndim == 2 and kind in ("float", "int")),
    )


def values_by_sum(shape: tuple[int, ...], sums: int, *, is_complex: bool = False) -> np.ndarray:
    """The number of values in each sum of a sketch, int64.

    Args:
        shape: shape of the output.
        sums: number of sums.
        is_complex: whether every value has two parts.
    """
    rows = shape[0] if shape else 1
    columns = math.prod(shape[1:]) * (2 if is_complex else 1)
    if not sums or not rows:
        return np.zeros(0, np.int64)
    groups = min(rows, sums)
    buckets = sums // groups
    by_row = [len(range(group, rows, groups)) for group in range(groups)]
    by_column = [len(range(bucket, columns, buckets)) for bucket in range(buckets)]
    return np.outer(by_row, by_column).reshape(-1)


def first_sample(part: int, shape: tuple[int, ...], parts: int) -> int:
    """The first sample of a sum, label or hash, of which there are so many."""
    groups = min(shape[0] if shape else 1, parts)
    return part // max(1, parts // groups)


@dataclass(frozen=True)
class _Numbers:
    largest: float
    non_finite: str
    sums: np.ndarray


def _numbers(rows: np.ndarray, count: int) -> _Numbers:
    """The largest value, where values are not finite, and the sums, of N x columns."""
    total, columns = rows.shape
    groups = min(total, count)
    buckets = min(columns, count // groups) if groups else 0
    sums = np.zeros(groups * buckets)
    largest, digest, is_finite = 0.0, hashlib.sha256(), True
    flat = rows.reshape(-1)
    for first in range(0, flat.size, _CHUNK):
        part = widened(flat[first : first + _CHUNK])
        places = np.arange(first, first + part.size, dtype=np.int64)
        usable = np.isfinite(part)
        if not usable.all():
            is_finite = False
            codes = [_code(value) for value in part[~usable]]
            digest.update(places[~usable].astype("<i8").tobytes() + bytes(codes))
            part = np.where(usable, part, 0.0)
        largest = max(largest, float(np.abs(part).max(initial=0.0)))
        positive = (_mixed(places.astype(np.uint64)) & np.uint64(1)).astype(bool)
        row, column = np.divmod(places, columns)
        sums += np.bincount(
            (row % groups) * buckets + column % buckets,
            np.where(positive, part, -part),
            minlength=len(sums),
        )
        give_back(rows)
    return _Numbers(largest, "" if is_finite else digest.hexdigest()[:16], _finite(sums))


def _labels(rows: np.ndarray, count: int, *, has_classes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels and gaps of N x classes; both empty if it has no classes."""
    total, columns = rows.shape
    if not has_classes or columns < 2 or not total:
        return np.zeros(0, np.uint8), np.zeros(0)
    labels, gaps = np.zeros(total, np.uint64), np.zeros(total)
    first = 0
    for (chunk,) in sample_chunks(rows):
        part, some = widened(chunk), slice(first, first + len(chunk))
        top = np.partition(part, columns - 2, axis=1)[:, -2:]
        labels[some] = part.argmax(axis=1)
        with np.errstate(invalid="ignore"):
            gap = top[:, 1] - top[:, 0]
        gaps[some] = np.where(np.isfinite(part).all(axis=1), gap, 0.0)
        first += len(chunk)
    groups = min(total, count)
    if groups == total:
        return (labels % np.uint64(LABEL_CODES)).astype(np.uint8), gaps
    numbers = np.arange(total, dtype=np.uint64)
    # Of several samples, a hash of all their labels, and the least gap.
    codes, least = np.zeros(groups, np.uint64), np.full(groups, np.inf)
    place = np.arange(total) % groups
    np.bitwise_xor.at(codes, place, _mixed(_mixed(numbers) ^ labels))
    np.minimum.at(least, place, gaps)
    return (codes % np.uint64(LABEL_CODES)).astype(np.uint8), least


def _hashes(rows: np.ndarray, count: int) -> np.ndarray:
    """A hash of each row, or of each few, uint16."""
    groups = min(len(rows), count)
    digests = [hashlib.sha256() for _ in range(groups)]
    is_text = kind_of(rows.dtype) == "text"
    for number, row in enumerate(rows):
        if is_text:
            for value in as_bytes(row):
                digests[number % groups].update(len(value).to_bytes(8, "little") + value)
        else:
            digests[number % groups].update(np.ascontiguousarray(row).tobytes())
    return np.array(
        [int.from_bytes(digest.digest()[:2], "little") for digest in digests], np.uint16
    )


def _taken(flat: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values at some places, which may lie far apart in a file."""
    taken = np.empty(len(places), flat.dtype)
    for first in range(0, len(places), _PLACES):
        some = slice(first, first + _PLACES)
        taken[some] = flat[places[some]]
        give_back(flat)
    return taken


def _places(size: int, count: int) -> np.ndarray:
    """A place in each of `count` equal parts of so many values; all places if they are few."""
    if size <= count:
        return np.arange(size)
    starts = np.arange(count + 1, dtype=np.int64) * size // count
    lengths = np.diff(starts).astype(np.uint64)
    drawn = _mixed(np.arange(count, dtype=np.uint64) + np.uint64(1 << 40)) % lengths
    return starts[:-1] + drawn.astype(np.int64)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Mix the bits of numbers, uint64, as SplitMix64 does (Steele, Lea and Flood, 2014)."""
    with np.errstate(over="ignore"):
        z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed


def _finite(values: np.ndarray) -> np.ndarray:
    finite: np.ndarray = np.where(np.isfinite(values), values, 0.0)
    return finite


def _code(value: float) -> int:
    return 1 if np.isnan(value) else 2 if value > 0 else 3


def _share(budget: tuple[int, int, int], outputs: int) -> int:
    of_all, most, least = budget
    return max(least, min(most, of_all // max(1, outputs)))
