"""Rows of samples that are compared as sets: which row of an artifact is which of its reference.

Detectors with the same weights may give the same objects in another order: those of one score, or
of one class each. Every row is given the partner with which the most rows of the sample agree
within tolerance (Kuhn, The Hungarian method, 1955; by scipy). So what has partners within tolerance
for all of its rows passes, and nothing else does. The overlap of boxes, or the distance, only
decides which of the other rows are shown side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..outcome import Failure, Outcome
from ..tensors.comparison_options import RowSet
from ..tensors.differences import differences
from ..tensors.dtypes import kind_of, widened
from ..tensors.ragged import Ragged
from .row_pairs import PairedOutputs, RowPair, with_pairs
from .tolerance import Tolerance, odds_are_within

# Boxes that overlap by less of their union are of two objects, as COCO's evaluation has it.
LEAST_OVERLAP = 0.5
# Values of a box.
_BOX = 4
# Values that the rows of a sample may have in pairs: 4,000 rows of 4 on both sides.
_MOST_PAIRED = 1 << 26


def pair_sets(
    paired: PairedOutputs,
    rows: Mapping[str, RowPair],
    row_sets: Sequence[RowSet],
    limits: Mapping[str, Tolerance],
    absolute: Iterable[str] = (),
) -> PairedOutputs:
    """Put the rows of sets beside their partners.

    Args:
        paired: outputs of both artifacts.
        rows: outputs with rows of samples; other outputs of a set are samples x rows x anything.
        row_sets: the user's sets; those of which the artifact has no output are left out.
        limits: tolerance by output.
        absolute: outputs whose absolute values are compared.

    Raises:
        Failure: an output of a set is missing, has no rows, or another number of them.
    """
    for row_set in row_sets:
        if not {*row_set.names} & paired.expected.keys():
            continue
        pairs = _pairs_of(row_set, paired, rows)
        _check_counts(row_set, pairs)
        mine, theirs = _partners(row_set, pairs, limits, set(absolute))
        for name, pair in pairs.items():
            paired = with_pairs(paired, name, pair, mine, theirs)
    return paired


def _pairs_of(
    row_set: RowSet, paired: PairedOutputs, rows: Mapping[str, RowPair]
) -> dict[str, RowPair]:
    """The rows of all outputs of a set.

    Where every call has one sample, an output of 1 x 4 may be four rows, or the only box. It is one
    row if that is what the other outputs of the set have, or if it may be a box.
    """
    names = [name for name in row_set.names if name in paired.expected]
    open_ones = {name for name in names if name in rows and name not in paired.calls}
    arrays = {name: paired.expected[name] for name in open_ones}
    counts = {array.shape[1:2] for array in arrays.values()}
    is_one_row = len(counts) > 1 or () in counts
    if not is_one_row and len(names) == 1:
        is_one_row = any(
            array.ndim == 2 and array.shape[1] == _BOX and kind_of(array.dtype) == "float"
            for array in arrays.values()
        )
    known = {name: pair for name, pair in rows.items() if name not in open_ones or is_one_row}
    return {name: _rows_of(name, row_set, paired, known) for name in row_set.names}


def _rows_of(
    name: str, row_set: RowSet, paired: PairedOutputs, rows: Mapping[str, RowPair]
) -> RowPair:
    if name in rows:
        return rows[name]
    if name not in paired.expected:
        raise _failure(row_set, f"there is no output '{name}' to compare")
    sides = paired.outputs[name], paired.expected[name]
    if name in paired.calls or any(side.ndim < 2 for side in sides):
        raise _failure(
            row_set,
            f"'{name}' has no rows that are known to be a sample's; if a column of it has the "
            f"number of the sample, say --rows {name}:COLUMN",
        )
    samples = tuple(range(len(sides[1])))
    return RowPair(_dense_rows(sides[0]), _dense_rows(sides[1]), samples)


def _dense_rows(array: np.ndarray) -> Ragged:
    offsets = np.arange(len(array) + 1, dtype=np.int64) * array.shape[1]
    return Ragged(array.reshape(len(array) * array.shape[1], *array.shape[2:]), offsets)


def _check_counts(row_set: RowSet, pairs: Mapping[str, RowPair]) -> None:
    first = pairs[row_set.output]
    for name in row_set.members:
        for side, of_first in (
            (pairs[name].outputs, first.outputs),
            (pairs[name].expected, first.expected),
        ):
            if len(side) != len(of_first) or (side.offsets != of_first.offsets).any():
                raise _failure(
                    row_set, f"'{name}' has other numbers of rows than '{row_set.output}'"
                )


def _failure(row_set: RowSet, why: str) -> Failure:
    return Failure(Outcome.BAD_INPUT, f"--compare {row_set.text}: {why}")


def _partners(
    row_set: RowSet,
    pairs: Mapping[str, RowPair],
    limits: Mapping[str, Tolerance],
    absolute: set[str],
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of rows that are partners, of all samples."""
    first = pairs[row_set.output]
    are_boxes = all(map(_are_corners, (first.outputs.values, first.expected.values)))
    mine: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    for sample in range(len(first.expected)):
        starts = int(first.outputs.offsets[sample]), int(first.expected.offsets[sample])
        of_sample = {
            name: (pair.outputs[sample], pair.expected[sample]) for name, pair in pairs.items()
        }
        values = [len(a) * len(b) * max(1, b[:1].size) for a, b in of_sample.values()]
        if max(values) > _MOST_PAIRED:
            counts = len(first.outputs[sample]), len(first.expected[sample])
            raise _failure(
                row_set, f"{counts[0]:,} rows beside {counts[1]:,} are too many to be matched"
            )
        beyond = np.zeros((len(first.outputs[sample]), len(first.expected[sample])))
        apart = np.zeros(beyond.shape)
        for name, (a, b) in of_sample.items():
            difference, agree = _between(a, b, limits[name], absolute=name in absolute)
            beyond += ~agree
            if name == row_set.output:
                apart = 1 - _overlaps(a, b) if are_boxes else difference
        for rows, numbers, start in zip(
            (mine, theirs), _assigned(beyond, apart, are_boxes=are_boxes), starts, strict=True
        ):
            rows.append(numbers + start)
    return tuple(np.concatenate([*rows, np.zeros(0, np.int64)]) for rows in (mine, theirs))  # type: ignore[return-value]


def _assigned(
    beyond: np.ndarray, apart: np.ndarray, *, are_boxes: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of a sample: as many within tolerance as there can be, then the most alike.

    Args:
        beyond: in how many outputs each pair is beyond tolerance.
        apart: how far it is apart.
        are_boxes: whether that is one less the overlap of two boxes.
    """
    from scipy.optimize import linear_sum_assignment

    # Below 1, and NaN is as far as anything.
    near = np.where(np.isfinite(apart), apart, 0.0)
    share = np.where(np.isfinite(apart), near / (1 + near), 1.0)
    dear = (min(beyond.shape) + 1) * (float(beyond.max(initial=0.0)) + 2)
    cost = share + np.where(beyond > 0, dear + beyond, 0.0)
    rows, columns = linear_sum_assignment(cost)
    if are_boxes:
        kept = (beyond[rows, columns] == 0) | (apart[rows, columns] <= 1 - LEAST_OVERLAP)
        rows, columns = rows[kept], columns[kept]
    order = np.argsort(columns, kind="stable")
    return rows[order], columns[order]


def _between(
    a: np.ndarray, b: np.ndarray, limit: Tolerance, *, absolute: bool
) -> tuple[np.ndarray, np.ndarray]:
    """How far each row of `a` is from each of `b`, and whether the two agree within tolerance.

    Returns:
        The largest difference, infinite for one from NaN, and whether all values of both agree.
    """
    shape = (len(a), len(b), *b.shape[1:])
    wide = np.broadcast_to(a[:, None], shape), np.broadcast_to(b[None], shape)
    columns = int(np.prod(b.shape[1:]))
    apart = differences(*wide, absolute=absolute).reshape(len(a), len(b), columns)
    agree = apart <= limit.value
    if limit.odds is not None:
        agree |= odds_are_within(*wide, odds=limit.odds).reshape(apart.shape)
    largest: np.ndarray = np.where(np.isnan(apart), np.inf, apart).max(axis=2, initial=0.0)
    return largest, np.asarray(agree.all(axis=2))


def _are_corners(values: np.ndarray) -> bool:
    """Whether rows may be boxes by two corners: x1, y1, x2, y2."""
    if values.ndim != 2 or values.shape[1] != _BOX or kind_of(values.dtype) not in ("float", "int"):
        return False
    boxes = widened(values)
    return bool((boxes[:, :2] <= boxes[:, 2:]).all())


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The intersection over the union of each box of `a` with each of `b`; 0 for none."""
    a, b = widened(a)[:, None], widened(b)[None]
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0)
    shared = sides.prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a, b)]
    union = areas[0] + areas[1] - shared
    overlaps: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps
