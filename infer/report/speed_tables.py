"""The tables of speed: one for each workload, and one for sweeps of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..outcome import Outcome
from ..results import formatting
from ..results.percentiles import PERCENTILE_FLOORS
from ..results.rooflines import MOST_OF_CEILING
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

_VERDICTS = {
    Direction.FASTER: "faster",
    Direction.SLOWER: "slower",
    Direction.NONE_FOUND: "undecided",
    Direction.UNKNOWN: "unknown",
}
# Which percentiles are left out first where there is no room; p95 stays longest.
_PERCENTILE_DETAILS = {95: 1, 99: 3}
SWEEP_CAPTION = "Throughput by batch"


def call_s(timing: Timing) -> Cell:
    """Seconds of a call."""
    return seconds_cell(timing.call_s)


def samples_per_s(timing: Timing) -> Cell:
    """Samples a second."""
    return _rate(timing.samples_per_s)


def _rate(value: float) -> Cell:
    return Cell(formatting.three_digits(value), value)


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

    def is_reference(row: ArtifactResult) -> bool:
        return summary.speed_references.get(row.artifact) == row.artifact

    def ratio(timing: Timing, row: ArtifactResult) -> Cell:
        return Cell("1", 1.0) if is_reference(row) else _ratio(timing.ratio)

    def percentile(percent: int) -> Callable[[Timing, ArtifactResult], Cell]:
        return lambda timing, row: seconds_cell(timing.percentiles_s.get(f"p{percent}"))

    def verdict(timing: Timing, row: ArtifactResult) -> Cell:
        if row.outcome != Outcome.OK:
            return Cell(row.outcome, row.outcome, Style.BAD)
        return text_cell("reference") if is_reference(row) else _verdict(timing.ratio)

    columns = [
        ARTIFACT,
        ArtifactColumn("call_s", workload, cell=cell(lambda t, row: call_s(t))),
        ArtifactColumn("verdict", "verdict", is_text=True, cell=cell(verdict)),
        ArtifactColumn("ratio", "ratio [95%]", is_text=True, cell=cell(ratio)),
    ]
    if summary.workloads[workload].batch == 1:
        columns += [
            ArtifactColumn(
                f"p{percent}_s",
                f"p{percent}",
                detail=_PERCENTILE_DETAILS.get(percent, 4),
                cell=cell(percentile(percent)),
            )
            for percent in PERCENTILE_FLOORS
            if any(f"p{percent}" in timing.percentiles_s for timing in _timings(workload, rows))
        ]
    else:
        columns += [
            ArtifactColumn(
                "samples_per_s", "samples/s", detail=1, cell=cell(lambda t, r: samples_per_s(t))
            ),
            ArtifactColumn(
                "all_samples_s",
                _all_samples(summary),
                detail=3,
                cell=cell(lambda t, row: seconds_cell((row.samples or 0) / t.samples_per_s)),
            ),
        ]
    timings = _timings(workload, summary.rows)
    if has_ceiling(summary) and any(timing.roofline_share is not None for timing in timings):
        columns.append(
            ArtifactColumn(
                "of_ceiling", "of ceiling", detail=2, cell=cell(lambda t, r: roofline_share(t))
            )
        )
    if any(timing.joules_per_sample is not None for timing in timings):
        columns.append(
            ArtifactColumn(
                "joules_per_sample",
                "energy a sample",
                detail=2,
                cell=cell(lambda t, row: joules_per_sample(t)),
            )
        )
    return table_of(Kind.SPEED, f"Speed, {workload}", columns, rows, workload)


def has_ceiling(summary: Summary) -> bool:
    """Whether the rates that the ceiling is of can be those of this machine."""
    shares = [t.roofline_share or 0.0 for row in summary.rows for t in row.timings.values()]
    return max(shares, default=0.0) <= MOST_OF_CEILING


def _ratio(ratio: Ratio | None) -> Cell:
    return Cell(formatting.interval(ratio), ratio.value if ratio else None)


def _verdict(ratio: Ratio | None) -> Cell:
    return EMPTY if ratio is None else text_cell(_VERDICTS[ratio.direction])


def _timings(workload: str, rows: Sequence[ArtifactResult]) -> list[Timing]:
    return [row.timings[workload] for row in rows if workload in row.timings]


def _all_samples(summary: Summary) -> str:
    counts = {row.samples for row in summary.rows if row.samples}
    return f"{counts.pop():,} samples" if len(counts) == 1 else "all samples"


def sweep_workloads(row: ArtifactResult, summary: Summary) -> dict[int, str]:
    """The workloads without pauses and from host to host, by the samples in a call."""
    workloads = {t.workload.batch: workload for workload, t in row.timings.items() if t.is_plain}
    return dict(sorted(workloads.items()))


def sweep_table(rows: Sequence[ArtifactResult], summary: Summary) -> Table:
    """The table of throughput by batch."""

    def rates(row: ArtifactResult) -> dict[int, float]:
        return {
            batch: row.timings[workload].samples_per_s
            for batch, workload in sweep_workloads(row, summary).items()
        }

    def best_rate(row: ArtifactResult) -> Cell:
        return _rate(max(rates(row).values())) if rates(row) else EMPTY

    def by_batch(row: ArtifactResult) -> Cell:
        text = "  ".join(
            f"{batch}: {formatting.three_digits(rate)}" for batch, rate in rates(row).items()
        )
        return Cell(text, max(rates(row).values(), default=None))

    columns = [
        ARTIFACT,
        ArtifactColumn(
            "best_batch", "best batch", cell=lambda r: Cell(str(r.best_batch or "-"), r.best_batch)
        ),
        ArtifactColumn("best_samples_per_s", "samples/s", cell=best_rate),
        ArtifactColumn(
            "samples_per_s", "samples/s by batch", is_text=True, detail=2, cell=by_batch
        ),
        ArtifactColumn(
            "sweep_ended",
            "ended since",
            is_text=True,
            detail=1,
            cell=lambda row: text_cell(row.sweep_ended),
        ),
    ]
    return table_of(Kind.SWEEP, SWEEP_CAPTION, columns, rows)
