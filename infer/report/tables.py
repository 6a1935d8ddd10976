"""The tables of a run, independent of the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult, Summary
from .agreement_tables import agreement_table
from .cost_table import cost_table
from .device_tables import device_table
from .headlines import headlines
from .speed_tables import speed_table, sweep_table
from .table import Table


def sections(summary: Summary) -> list[tuple[str, list[ArtifactResult]]]:
    """Title and rows of each comparison; the title names the device, and what all labels share."""
    result = []
    for rows in summary.groups:
        weights = rows[0].weights
        if len({row.artifact for row in rows}) > 1 and weights:
            title = f"Same weights: {weights}, trained in {rows[0].weights_framework}"
        elif weights:
            title = f"Weights: {weights}, trained in {rows[0].weights_framework}"
        else:
            title = "Artifacts without a manifest"
        result.append((title, rows))
    if summary.own_training:
        title = "Each framework's own training, in its own formats (the paper's comparison)"
        result.append((title, summary.own_training))
    return [(f"{title}, on {summary.device}{_shared(rows)}", rows) for title, rows in result]


def labels_of(rows: Sequence[ArtifactResult]) -> ShortLabels:
    """The short labels of the artifacts of a section."""
    return ShortLabels.of([row.artifact for row in rows])


def _shared(rows: Sequence[ArtifactResult]) -> str:
    pattern = labels_of(rows).pattern
    return f"; artifacts: {pattern}" if pattern else ""


def by_speed(rows: Sequence[ArtifactResult], summary: Summary) -> list[ArtifactResult]:
    """Sort rows by speed in the first workload, the fastest first, without unmeasured ones."""
    first = next(iter(summary.planned_workloads), "")

    def call_s(row: ArtifactResult) -> float:
        return row.timings[first].call_s if first in row.timings else float("inf")

    return sorted((row for row in rows if row.import_s is not None), key=call_s)


def tables_of(rows: Sequence[ArtifactResult], summary: Summary) -> list[Table]:
    """The non-empty tables of a section, with the fastest artifact first in each."""
    shown = by_speed(rows, summary)
    measured = {workload for row in rows for workload in row.timings}
    workloads = [workload for workload in summary.planned_workloads if workload in measured]
    # Workloads of artifacts whose inputs allow only one batch; a sweep has its own table.
    single = {workload for row in rows if not row.best_batch for workload in row.timings}
    workloads += sorted(single - {*workloads})
    tables = [speed_table(workload, shown, summary) for workload in workloads]
    if any(row.best_batch for row in rows):
        tables.append(sweep_table(shown, summary))
    batches = sorted({batch for row in rows for batch in row.device_time}, reverse=True)
    tables += [device_table(batch, shown) for batch in batches]
    if shown:
        tables += [cost_table(shown, summary), agreement_table(shown)]
    labels = labels_of(rows)
    return [
        replace(table, headlines=headlines(table, rows, summary, labels)).with_labels(labels)
        for table in tables
    ]
