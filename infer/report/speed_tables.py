"""The tables of speed: one for each workload, and one for sweeps of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..results import formatting
from ..results.summary import ArtifactResult, Summary, Timing
from ..stats.ratios import Direction, Ratio
from .table import (
    ARTIFACT,
    EMPTY,
    ArtifactColumn,
    Cell,
    Kind,
    Style,
    Table,
    seconds_cell,
    table_of,
    text_cell,
)

_STYLES = {Direction.FASTER: Style.GOOD, Direction.SLOWER: Style.CAUTION}
SWEEP_CAPTION = "Throughput by batch"


def call_s(timing: Timing) -> Cell:
    """Seconds of a call."""
    return seconds_cell(timing.call_s)


def samples_per_s(timing: Timing) -> Cell:
    """Samples a second."""
    return Cell(f"{timing.samples_per_s:,.0f}", timing.samples_per_s)


def roofline_share(timing: Timing) -> Cell:
    """The shortest possible time over the measured time, as a share."""
    share = timing.roofline_share
    return EMPTY if share is None else Cell(f"{share:.0%}", share)


def joules_per_sample(timing: Timing) -> Cell:
    """The card's energy for a sample, in joules."""
    return Cell(formatting.joules(timing.joules_per_sample), timing.joules_per_sample)


def speed_table(workload: str, rows: Sequence[ArtifactResult], summary: Summary) -> Table:
    """The table of speed for one workload.

    Args:
        workload: name of the workload.
        rows: the artifacts, in the order to show.
        summary: of the whole run.
    """

    def cell(made: Callable[[Timing, ArtifactResult], Cell]) -> Callable[[ArtifactResult], Cell]:
        return lambda row: made(row.timings[workload], row) if workload in row.timings else EMPTY

    def ratio(timing: Timing, row: ArtifactResult) -> Cell:
        if summary.speed_references.get(row.artifact) == row.artifact:
            return Cell("1 (reference)", 1.0)
        return _ratio(timing.ratio)

    columns = [
        ARTIFACT,
        ArtifactColumn("call_s", workload, cell=cell(lambda t, row: call_s(t))),
        ArtifactColumn("ratio", "ratio", is_text=True, cell=cell(ratio)),
        ArtifactColumn(
            "verdict", "verdict", is_text=True, cell=cell(lambda t, row: _verdict(t.ratio))
        ),
    ]
    if summary.workloads[workload].batch == 1:
        columns.append(
            ArtifactColumn(
                "percentiles",
                "percentiles",
                is_text=True,
                cell=cell(lambda t, row: _percentiles(t)),
            )
        )
    else:
        columns += [
            ArtifactColumn("samples_per_s", "samples/s", cell=cell(lambda t, r: samples_per_s(t))),
            ArtifactColumn(
                "all_samples_s",
                _all_samples(summary),
                cell=cell(lambda t, row: seconds_cell((row.samples or 0) / t.samples_per_s)),
            ),
        ]
    timings = [row.timings[workload] for row in summary.rows if workload in row.timings]
    if any(timing.roofline_share is not None for timing in timings):
        columns.append(
            ArtifactColumn("of_ceiling", "of ceiling", cell=cell(lambda t, r: roofline_share(t)))
        )
    if any(timing.joules_per_sample is not None for timing in timings):
        columns.append(
            ArtifactColumn(
                "joules_per_sample",
                "energy a sample",
                cell=cell(lambda t, row: joules_per_sample(t)),
            )
        )
    return table_of(Kind.SPEED, f"Speed, {workload}", columns, rows, workload)


def _ratio(ratio: Ratio | None) -> Cell:
    return Cell(formatting.interval(ratio), ratio.value if ratio else None)


def _verdict(ratio: Ratio | None) -> Cell:
    if ratio is None:
        return Cell("")
    return Cell(ratio.verdict, ratio.verdict, _STYLES.get(ratio.direction, Style.PLAIN))


def _percentiles(timing: Timing) -> Cell:
    texts = [f"{name} {formatting.seconds(s)}" for name, s in timing.percentiles_s.items()]
    return text_cell(" / ".join(texts))


def _all_samples(summary: Summary) -> str:
    counts = {row.samples for row in summary.rows if row.samples}
    return f"{counts.pop():,} samples" if len(counts) == 1 else "all samples"


def sweep_workloads(row: ArtifactResult, summary: Summary) -> dict[int, str]:
    """The workloads without pauses and from host to host, by the samples in a call."""
    workloads = {t.workload.batch: workload for workload, t in row.timings.items() if t.is_plain}
    return dict(sorted(workloads.items()))


def sweep_table(rows: Sequence[ArtifactResult], summary: Summary) -> Table:
    """The table of throughput by batch."""

    def throughput(row: ArtifactResult) -> Cell:
        rates = {
            batch: row.timings[workload].samples_per_s
            for batch, workload in sweep_workloads(row, summary).items()
        }
        text = "  ".join(f"{batch}: {rate:,.0f}" for batch, rate in rates.items())
        return Cell(text, max(rates.values(), default=None))

    columns = [
        ARTIFACT,
        ArtifactColumn(
            "best_batch", "best batch", cell=lambda r: Cell(str(r.best_batch or "-"), r.best_batch)
        ),
        ArtifactColumn("samples_per_s", "samples/s by batch", is_text=True, cell=throughput),
        ArtifactColumn(
            "sweep_ended", "ended since", is_text=True, cell=lambda row: text_cell(row.sweep_ended)
        ),
    ]
    return table_of(Kind.SWEEP, SWEEP_CAPTION, columns, rows)
