"""Rows of samples on two sides: which row of one side is compared with which of the other.

Rows are compared in order, or as sets (set_pairs.py). What has no partner on the other side is a
difference, whatever its values are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..tensors.outputs import Outputs, SavedOutput
from ..tensors.ragged import Ragged
from ..tensors.text import escaped
from .whole_calls import WholeCall

# Rows without a partner that are listed, and values of a row that are shown.
_LISTED, _SHOWN_VALUES = 20, 8


@dataclass(frozen=True)
class RowPair:
    """An output with rows of samples, of an artifact and of its reference.

    Attributes:
        outputs, expected: rows on both sides, of the same samples and shape.
        samples: numbers of the samples.
    """

    outputs: Ragged
    expected: Ragged
    samples: tuple[int, ...]

    @property
    def same_counts(self) -> bool:
        """Whether every sample has as many rows on both sides."""
        return bool((self.outputs.offsets == self.expected.offsets).all())

    @property
    def calls(self) -> tuple[WholeCall, ...]:
        """The samples of the reference, as calls of one sample."""
        return _calls(self.samples, self.expected.counts, self.expected.values.shape[1:])


@dataclass(frozen=True)
class LoneRow:
    """A row without a partner on the other side.

    Attributes:
        sample: number of its sample.
        is_expected: whether it is the reference's.
        values: its values, in words.
    """

    sample: int
    is_expected: bool
    values: str


@dataclass(frozen=True)
class LoneRows:
    """The rows of an output that have no partner.

    Attributes:
        outputs, expected: how many the artifact and the reference have.
        rows: number of all rows: pairs, and these.
        listed: some of them.
    """

    outputs: int
    expected: int
    rows: int
    listed: tuple[LoneRow, ...]


@dataclass(frozen=True)
class Partners:
    """The rows of an output that were put beside each other.

    Attributes:
        pair: the rows of all samples.
        mine, theirs: numbers of the rows that are partners, in the order of the samples.
    """

    pair: RowPair
    mine: np.ndarray
    theirs: np.ndarray


@dataclass(frozen=True)
class PairedOutputs:
    """Outputs of two artifacts, value beside value.

    Attributes:
        outputs, expected: of one shape on both sides.
        calls: as of `Aligned`, for the rows that have a partner.
        lone: rows that have none, by output; of all outputs whose rows were paired.
        partners: which rows are partners, of the same outputs.
    """

    outputs: Outputs
    expected: Outputs
    calls: Mapping[str, Sequence[WholeCall]]
    lone: Mapping[str, LoneRows] = field(default_factory=dict)
    partners: Mapping[str, Partners] = field(default_factory=dict)


def row_pair(a: SavedOutput, b: SavedOutput) -> RowPair | None:
    """The rows of an output on both sides; None if they are not rows of the same samples."""
    if a.rows is None or b.rows is None:
        return None
    samples = [tuple(call.rows[0] for call in side.calls) for side in (a, b)]
    if samples[0] != samples[1]:
        return None
    return next(
        (
            RowPair(mine, theirs, samples[0])
            for mine in (a.rows, *_unwrapped(a.rows))
            for theirs in (b.rows, *_unwrapped(b.rows))
            if mine.values.shape[1:] == theirs.values.shape[1:]
        ),
        None,
    )


def _unwrapped(rows: Ragged) -> tuple[Ragged, ...]:
    """The same rows where every sample has them in an axis behind one of length 1."""
    values = rows.values
    if values.ndim < 2 or not (rows.counts == 1).all():
        return ()
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * values.shape[1]
    return (Ragged(values.reshape(-1, *values.shape[2:]), offsets),)


def paired_in_order(pair: RowPair) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of rows that are compared, in order, on either side."""
    counts = np.minimum(pair.outputs.counts, pair.expected.counts)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    mine, theirs = (
        np.repeat(side.offsets[:-1], counts) + places for side in (pair.outputs, pair.expected)
    )
    return mine, theirs


def with_pairs(
    paired: PairedOutputs, name: str, pair: RowPair, mine: np.ndarray, theirs: np.ndarray
) -> PairedOutputs:
    """Put the rows of an output beside their partners.

    Args:
        paired: outputs of both artifacts.
        name: name of the output.
        pair: its rows.
        mine, theirs: numbers of the rows that are partners, in the order of the samples.
    """
    sample_of_row = np.searchsorted(pair.expected.offsets, theirs, side="right") - 1
    counts = np.bincount(sample_of_row, minlength=len(pair.expected))
    calls = _calls(pair.samples, counts, pair.expected.values.shape[1:])
    lone = [
        np.setdiff1d(np.arange(len(side.values)), rows)
        for side, rows in ((pair.outputs, mine), (pair.expected, theirs))
    ]
    listed = [
        LoneRow(
            pair.samples[int(np.searchsorted(side.offsets, row, side="right")) - 1],
            side is pair.expected,
            row_text(side.values[row]),
        )
        for side, rows in zip((pair.outputs, pair.expected), lone, strict=True)
        for row in rows[:_LISTED]
    ]
    listed.sort(key=lambda row: row.sample)
    rows = LoneRows(
        len(lone[0]), len(lone[1]), len(theirs) + len(lone[0]) + len(lone[1]), tuple(listed)
    )
    return PairedOutputs(
        {**paired.outputs, name: pair.outputs.values[mine].reshape(-1)},
        {**paired.expected, name: pair.expected.values[theirs].reshape(-1)},
        {**paired.calls, name: calls},
        {**paired.lone, name: rows},
        {**paired.partners, name: Partners(pair, mine, theirs)},
    )


def row_text(row: np.ndarray) -> str:
    """The values of a row in words."""
    values = row.reshape(-1)
    shown = [
        escaped(value) if isinstance(value, str | bytes) else f"{value:.6g}"
        for value in values[:_SHOWN_VALUES].tolist()
    ]
    return ", ".join(shown) + (", ..." if len(values) > _SHOWN_VALUES else "")


def _calls(
    samples: Sequence[int], counts: np.ndarray, shape: tuple[int, ...]
) -> tuple[WholeCall, ...]:
    return tuple(
        WholeCall((sample,), (int(count), *shape))
        for sample, count in zip(samples, counts, strict=True)
    )
