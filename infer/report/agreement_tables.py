"""The tables of parity: agreement with the reference's outputs, and samples that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..outcome import Outcome
from ..parity.whole_calls import samples_title
from ..records.agreement import ScoredAnswer
from ..results import formatting
from ..results.summary import ArtifactResult
from .table import (
    ARTIFACT,
    EMPTY,
    ArtifactColumn,
    Cell,
    Column,
    Kind,
    Style,
    Table,
    table_of,
    text_cell,
)

# Shares of the reference's accuracy that MLPerf requires, the highest first.
_MARGINS = (("99.9%", 0.999), ("99%", 0.99))
_SHOWN_DIFFERING = 5


def is_reference(row: ArtifactResult) -> bool:
    """Whether an artifact is the reference, whose outputs the others are compared with."""
    return row.artifact == row.reference and row.anchor is None


def _outcome(row: ArtifactResult) -> Cell:
    style = Style.PLAIN if row.outcome == Outcome.OK else Style.BAD
    return Cell(row.outcome, row.outcome, style)


def _largest_difference(row: ArtifactResult) -> Cell:
    value = row.largest_difference
    if value is None:
        return EMPTY
    return Cell("reference" if is_reference(row) else formatting.difference(value), value)


def _equal_labels(row: ArtifactResult) -> Cell:
    share = row.equal_labels
    return EMPTY if share is None else Cell(f"{share:.2%}", share)


def _metric(name: str) -> Callable[[ArtifactResult], Cell]:
    def cell(row: ArtifactResult) -> Cell:
        value = (row.metrics or {}).get(name)
        return EMPTY if value is None else Cell(f"{value:.4f}", value)

    return cell


def _judged_metrics(rows: Sequence[ArtifactResult]) -> list[str]:
    """Names of the metrics beside accuracy that tell how good an artifact is."""
    return list(
        dict.fromkeys(
            name
            for row in rows
            for name, interval in row.metric_intervals.items()
            if interval.judged and name != "accuracy"
        )
    )


def _metric_difference(name: str) -> Callable[[ArtifactResult], Cell]:
    def cell(row: ArtifactResult) -> Cell:
        interval = row.metric_intervals.get(name)
        if interval is None or interval.difference is None or is_reference(row):
            return EMPTY
        low, high = interval.difference_low, interval.difference_high
        return Cell(f"{interval.difference:+.2g} [{low:+.2g}, {high:+.2g}]", interval.difference)

    return cell


def _metric_columns(rows: Sequence[ArtifactResult]) -> list[ArtifactColumn]:
    """Two columns for each: the value, and what it is less the reference's.

    Every output shows the first metric.
    """
    columns = []
    for number, name in enumerate(_judged_metrics(rows)):
        detail = 2 if number else 0
        difference = f"{name}_difference", f"{name} less the reference's"
        columns += [
            ArtifactColumn(name, name, detail=detail, cell=_metric(name)),
            ArtifactColumn(*difference, detail=detail + 1, cell=_metric_difference(name)),
        ]
    return columns


def _accuracy_difference(row: ArtifactResult) -> Cell:
    difference = row.accuracy_difference
    if not difference or is_reference(row):
        return EMPTY
    value, low, high = difference.value, difference.low, difference.high
    return Cell(f"{value:+.4f} [{low:+.4f}, {high:+.4f}]", value)


def _surely_keeps(row: ArtifactResult) -> Cell:
    """The strictest of the margins that the accuracy surely keeps."""
    difference = row.accuracy_difference
    if not difference or not row.metrics or is_reference(row):
        return EMPTY
    before = row.metrics["accuracy"] - difference.value
    for name, share in _MARGINS:
        if difference.low >= -(1 - share) * before:
            return Cell(name, share)
    return Cell("neither", 0.0)


OUTCOME = ArtifactColumn("outcome", "outcome", is_text=True, cell=_outcome)
LARGEST_DIFFERENCE = ArtifactColumn(
    "largest_difference", "largest difference", cell=_largest_difference
)
EQUAL_LABELS = ArtifactColumn("equal_labels", "equal labels", cell=_equal_labels)
ACCURACY = ArtifactColumn("accuracy", "accuracy", cell=_metric("accuracy"))
MACRO_F1 = ArtifactColumn("macro_f1", "macro F1", detail=2, cell=_metric("macro_f1"))
WEIGHTED_F1 = ArtifactColumn("weighted_f1", "weighted F1", detail=3, cell=_metric("weighted_f1"))
ACCURACY_DIFFERENCE = ArtifactColumn(
    "accuracy_difference", "accuracy less the reference's", cell=_accuracy_difference
)
SURELY_KEEPS = ArtifactColumn("surely_keeps", "surely keeps", detail=1, cell=_surely_keeps)
# Columns of classifiers, which are left out where no artifact is one.
_OF_CLASSIFIERS = (
    *(EQUAL_LABELS, ACCURACY, ACCURACY_DIFFERENCE, SURELY_KEEPS),
    *(MACRO_F1, WEIGHTED_F1),
)


def agreement_table(rows: Sequence[ArtifactResult]) -> Table:
    """The table of agreement with the reference's outputs."""
    columns = [
        *(ARTIFACT, OUTCOME, LARGEST_DIFFERENCE),
        *(
            column
            for column in _OF_CLASSIFIERS
            if any(column.cell(row) is not EMPTY for row in rows)
        ),
        *_metric_columns(rows),
    ]
    return table_of(Kind.AGREEMENT, "Outputs beside the reference's", columns, rows)


def differing_table(rows: Sequence[ArtifactResult]) -> Table | None:
    """The table of samples that an artifact and its reference answer differently, or None."""

    def answer(given: ScoredAnswer) -> Cell:
        shown = f"{given.value:.6g}" if isinstance(given.value, float) else given.value
        return text_cell(f"{given.label}: {shown}")

    has_truth = any(sample.true is not None for row in rows for sample in row.differing)
    columns = [
        ARTIFACT,
        Column("sample", "sample", is_text=True),
        Column("reference", "reference", is_text=True),
        Column("answer", "artifact's answer", is_text=True),
        *([Column("truth", "truth", is_text=True)] if has_truth else []),
    ]
    lines: list[list[Cell]] = []
    for row in rows:
        name = ARTIFACT.cell(row)
        for sample in row.differing[:_SHOWN_DIFFERING]:
            cells = [name, Cell(samples_title(sample.sample, sample.call_samples), sample.sample)]
            cells += [answer(sample.reference), answer(sample.answer)]
            truth = text_cell(sample.true) if sample.true is not None else EMPTY
            lines.append([*cells, truth] if has_truth else cells)
        more = len(row.differing) - _SHOWN_DIFFERING
        if more > 0:
            cells = [name, Cell(f"and {more} more"), Cell(""), Cell("see results.jsonl")]
            lines.append([*cells, Cell("")] if has_truth else cells)
    return Table(Kind.DIFFERING, "Samples that differ", columns, lines) if lines else None
