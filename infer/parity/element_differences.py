"""The differences of an output's values, by sample or by call, a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..tensors.chunks import sample_chunks
from ..tensors.differences import differences
from ..tensors.dtypes import kind_of, widened
from .whole_calls import WholeCall

# The least length of a side of a map, and the most parts that are told of a side.
_LEAST_SIDE, _MOST_PARTS = 8, 32


@dataclass(frozen=True)
class ElementDifferences:
    """What the differences of all values of an output come to.

    Units are samples, or calls of outputs whose samples cannot be told apart.

    Attributes:
        largest: the largest difference; NaN if one value is finite where the other is not.
        largest_relative: as a share of the reference's value.
        values: number of values.
        beyond: number of values that differ by more than the tolerance; NaN does.
        unit_largest: the largest difference in each unit, infinite for NaN.
        unit_place: where that is in the unit, in C order.
        unit_beyond: number of values beyond the tolerance in each unit.
        rows_beyond: number of rows with such a value, of units with rows.
        places: number of values beyond the tolerance by place in a map, over all samples; None if
            the output is no map, or no value is beyond.
    """

    largest: float
    largest_relative: float
    values: int
    beyond: int
    unit_largest: np.ndarray
    unit_place: np.ndarray
    unit_beyond: np.ndarray
    rows_beyond: int
    places: np.ndarray | None = None

    @property
    def worst_units(self) -> np.ndarray:
        """The units with values beyond the tolerance, the largest difference first."""
        units = np.flatnonzero(self.unit_beyond)
        return units[np.argsort(-self.unit_largest[units], kind="stable")]


def element_differences(
    outputs: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
    *,
    absolute: bool = False,
    calls: Sequence[WholeCall] | None = None,
    excused: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> ElementDifferences:
    """Compute the differences of an output.

    Args:
        outputs, expected: of one shape, N x anything; or the values of calls in one row.
        tolerance: the largest that passes.
        absolute: compare the absolute values.
        calls: the calls, if the values are in one row.
        excused: tells of values on both sides which of them count as equal.
    """
    largest, relative, values, rows_beyond = 0.0, 0.0, 0, 0
    units: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    axes = None if calls is not None else map_axes(expected.shape)
    places: np.ndarray | None = None
    for a, b, rows in _units(outputs, expected, calls):
        difference = differences(a, b, absolute=absolute)
        if excused is not None:
            difference = np.where(excused(a, b), 0.0, difference)
        largest = float(np.maximum(largest, difference.max(initial=0.0)))  # NaN stays
        relative = float(np.maximum(relative, _relative(difference, b)))
        values += difference.size
        ranked = np.where(np.isnan(difference), np.inf, difference)
        beyond = ranked > tolerance
        if rows:
            rows_beyond += int(beyond.reshape(rows, -1).any(axis=1).sum())
        if axes and beyond.any():
            others = tuple(axis for axis in range(beyond.ndim) if axis not in axes)
            places = (0 if places is None else places) + beyond.sum(axis=others)
        count = len(ranked) if calls is None and ranked.ndim else 1
        if ranked.size:
            ranked, beyond = ranked.reshape(count, -1), beyond.reshape(count, -1)
            units.append((ranked.max(axis=1), ranked.argmax(axis=1), beyond.sum(axis=1)))
        else:
            units.append((np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.int64)))
    none = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
    unit_largest, place, count_beyond = map(np.concatenate, zip(none, *units, strict=True))
    return ElementDifferences(
        *(largest, relative, values, int(count_beyond.sum())),
        *(unit_largest, place, count_beyond, rows_beyond),
        places,
    )


def map_axes(shape: Sequence[int]) -> tuple[int, int] | None:
    """The two axes of the places in a map, such as a segmentation; None if there is no map.

    They follow each other, behind the samples, and the other axis counts channels. Where both pairs
    of axes are long enough, it is the one whose sides differ less: there may be more channels than
    places along a side.

    Args:
        shape: N x two or three axes.
    """
    if len(shape) not in (3, 4):
        return None
    pairs = [(2, 3), (1, 2)] if len(shape) == 4 else [(1, 2)]
    long_enough = [pair for pair in pairs if min(shape[axis] for axis in pair) >= _LEAST_SIDE]
    return min(long_enough, key=lambda pair: _elongation(shape, pair), default=None)


def _elongation(shape: Sequence[int], pair: tuple[int, int]) -> float:
    sides = shape[pair[0]], shape[pair[1]]
    return max(sides) / min(sides)


def coarse_map(places: np.ndarray) -> list[list[int]]:
    """Add up the counts of a map into at most 32 x 32 equal parts."""
    for axis in (0, 1):
        parts = min(_MOST_PARTS, places.shape[axis])
        starts = np.arange(parts) * places.shape[axis] // parts
        places = np.add.reduceat(places, starts, axis=axis)
    counts: list[list[int]] = places.tolist()
    return counts


def _units(
    outputs: np.ndarray, expected: np.ndarray, calls: Sequence[WholeCall] | None
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Chunks of samples, or the values of each call with the number of its rows."""
    if calls is None:
        for a, b in sample_chunks(outputs, expected):
            yield a, b, 0
        return
    begin = 0
    for call in calls:
        end = begin + int(np.prod(call.shape))
        rows = call.shape[0] if call.shape and end > begin else 0
        yield outputs[begin:end], expected[begin:end], rows
        begin = end


def _relative(difference: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference as a share of the reference's value."""
    if kind_of(expected.dtype) == "text":
        shares = difference
    else:
        with np.errstate(invalid="ignore"):
            shares = difference / np.maximum(np.abs(widened(expected)), 1e-12)
    # An infinity differs by 0 from itself; the relative difference would be NaN.
    return float(np.where(difference == 0, 0.0, shares).max(initial=0.0))
