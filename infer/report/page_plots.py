"""The line plots of the page: throughput by batch, and time by the size of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..results.recorded_run import RecordedRun
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult, Summary
from . import plots
from .growth_table import exporter_of, size_of
from .plots import LinePlot
from .speed_tables import SWEEP_CAPTION, sweep_workloads


def batch_plot(
    rows: Sequence[ArtifactResult], summary: Summary, labels: ShortLabels
) -> LinePlot | None:
    """Plot samples a second over samples a call, for artifacts with a sweep."""
    series = {
        labels[row.artifact]: {
            float(batch): row.timings[workload].samples_per_s
            for batch, workload in sweep_workloads(row, summary).items()
        }
        for row in rows
        if row.best_batch
    }
    batches = {batch: f"{batch:g}" for rates in series.values() for batch in rates}
    return plots.curves(SWEEP_CAPTION, "samples a call", "samples a second", series, batches)


def size_plot(runs: Sequence[RecordedRun]) -> LinePlot | None:
    """Plot the time for a call of the first workload over the size of the inputs."""
    series: dict[str, dict[float, float]] = {}
    texts: dict[float, str] = {}
    workload = next(iter(runs[0].summary.planned_workloads), "")
    for run in runs:
        for row in run.summary.rows:
            size = size_of(row)
            if size is not None and workload in row.timings:
                texts[size] = row.shapes
                series.setdefault(exporter_of(row), {})[size] = row.timings[workload].call_s * 1e3
    return plots.curves(
        f"Time for a call by size of the inputs, {workload}",
        "values a sample",
        "milliseconds a call",
        series,
        texts,
    )


def sizes_of_runs(runs: Sequence[RecordedRun]) -> LinePlot | None:
    """The same plot across several runs, if they share machine and setup."""

    def setup(run: RecordedRun) -> tuple[Any, ...]:
        stated = run.summary.run
        machine = stated.environment
        return (
            machine.processor,
            machine.cores,
            stated.card or stated.device,
            stated.threads,
            stated.protocol.batch,
            tuple(run.summary.planned_workloads[:1]),
        )

    shapes = [{row.shapes for row in run.summary.rows if row.timings} for run in runs]
    differing = len(set().union(*shapes)) > max(map(len, shapes), default=0)
    if len(runs) < 2 or len({setup(run) for run in runs}) > 1 or not differing:
        return None
    return size_plot(runs)
