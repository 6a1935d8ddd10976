"""Choose the artifact that meets all limits and is best at an aim, and explain the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..outcome import Outcome
from ..records.events import elapsed_s
from ..records.protocol import longer_budget_minutes, scenario_options
from . import code_execution, formatting, ranking
from .metric_limits import Findings, MetricLimits, check_metrics
from .percentiles import PERCENTILE_FLOORS
from .queries import percentiles_by_generation
from .ranking import Answer
from .recorded_run import RecordedRun
from .reproduction import resume_command
from .summary import ArtifactResult

FITS, FALLS_OUT, UNKNOWN = "fits", "falls out", "cannot tell"


@dataclass(frozen=True)
class Limits:
    """Limits that an artifact must meet; None for no limit.

    Attributes:
        percentiles_s: maximum seconds of a call at a percentile, by per cent.
        at: name of the workload that the percentiles apply to.
        throughput: minimum samples a second, at the best batch that was measured.
        memory, install, size: maximum bytes: held by a process at its peak, above the bare
            interpreter; of the runtime with its requirements; of the artifact.
        start_s: maximum seconds from the start of a process to the end of its first call.
        no_code_on_load: whether loading must not be able to execute code.
        metrics: limits of metrics.
    """

    percentiles_s: dict[int, float] = field(default_factory=dict)
    at: str = "batch 1"
    throughput: float | None = None
    memory: int | None = None
    install: int | None = None
    size: int | None = None
    start_s: float | None = None
    no_code_on_load: bool = False
    metrics: MetricLimits = field(default_factory=MetricLimits)


@dataclass(frozen=True)
class Verdict:
    """Whether an artifact meets the limits.

    Attributes:
        artifact: its label.
        standing: "fits", "falls out" or "cannot tell".
        reasons: why it falls out, or what is not known.
        doubts: reasons against it that are not enough for it to fall out.
        command: command that measures it alone.
    """

    artifact: str
    standing: str
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Choice:
    """The recommended artifact, and a verdict on each.

    Attributes:
        answer: the best of the artifacts that fit; None if none fits.
        given_up: the best artifact without limits, compared with the chosen one; None if it is the
            same.
        verdicts: verdict on every artifact.
        notices: important notices for the reader.
    """

    answer: Answer | None
    given_up: Answer | None
    verdicts: tuple[Verdict, ...]
    notices: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """The choice for JSON."""
        return asdict(self)


def choose(run: RecordedRun, limits: Limits, aim: str) -> Choice:
    """Check the artifacts of a run against limits, and choose the best that meets them.

    Only artifacts that agree with their reference can fit.

    Args:
        run: the recorded run.
        limits: limits to meet.
        aim: one of `infer.results.ranking.AIMS`.
    """
    verdicts = {row.artifact: _verdict(run, row, limits) for row in run.summary.rows}
    fitting = [row for row in run.summary.rows if verdicts[row.artifact].standing == FITS]
    families = {run.summary.speed_references.get(row.artifact) for row in fitting}
    notices = list(run.summary.notices)
    if len(families) > 1:
        notices.append(
            "The artifacts that fit take inputs of different shapes; their speeds are compared all "
            "the same, for a sample each."
        )
    answer = ranking.best(run, fitting, aim) if fitting else None
    given_up = _given_up(run, answer, aim) if answer else None
    return Choice(answer, given_up, tuple(verdicts.values()), tuple(notices))


def _given_up(run: RecordedRun, answer: Answer, aim: str) -> Answer | None:
    good = [row for row in run.summary.rows if row.outcome == Outcome.OK]
    first = ranking.best(run, good, aim).best
    if not first or not answer.best or first in (answer.best, *answer.equals):
        return None
    return ranking.best(run, [row for row in good if row.artifact in (first, answer.best)], aim)


def _verdict(run: RecordedRun, row: ArtifactResult, limits: Limits) -> Verdict:
    out: list[str] = []
    unknown: list[str] = []
    doubts: list[str] = []
    if row.outcome != Outcome.OK:
        out.append(f"{row.outcome}: {row.reason}" if row.reason else row.outcome)
    else:
        for percent, limit in limits.percentiles_s.items():
            _percentile(run, row, percent, limit, limits.at, (out, unknown, doubts))
        _at_most(row, limits, out, unknown)
        _throughput(run, row, limits, out, unknown)
        check_metrics(row, limits.metrics, Findings(out, unknown, doubts))
        if limits.no_code_on_load:
            if why := code_execution.why(row):
                out.append(f"loading it can execute code: {why}")
            elif why := code_execution.unknown(row):
                unknown.append(f"whether loading it can execute code: {why}")
    standing = FALLS_OUT if out else UNKNOWN if unknown else FITS
    return Verdict(
        row.artifact, standing, tuple(out + unknown), () if out else tuple(doubts), row.command
    )


_Findings = tuple[list[str], list[str], list[str]]


def _percentile(
    run: RecordedRun,
    row: ArtifactResult,
    percent: int,
    limit: float,
    workload: str,
    findings: _Findings,
) -> None:
    out, unknown, doubts = findings
    name = f"p{percent}"
    timing = row.timings.get(workload)
    if timing is None:
        options = scenario_options(workload, run.summary.run.protocol.batch)
        timed = f"; a run with {options} does" if options else ""
        there = ", ".join(row.timings) or "none"
        unknown.append(
            f"no {name}: the run did not time calls of '{workload}' (there are: {there}){timed}"
        )
        return
    value = timing.percentiles_s.get(name)
    if value is None:
        minutes = longer_budget_minutes(elapsed_s(run.events))
        unknown.append(
            f"no {name}: it needs {PERCENTILE_FLOORS[percent]} calls and the run has "
            f"{timing.calls}; go on with: {resume_command(run.folder)} --budget {minutes}m"
        )
        return
    if value > limit:
        out.append(f"{name} {formatting.seconds(value)}, over {formatting.seconds(limit)}")
        return
    each = percentiles_by_generation(run.events, row.artifact, workload, percent)
    over = sum(seconds > limit for seconds in each)
    if over:
        doubts.append(
            f"{name} {formatting.seconds(value)} is within {formatting.seconds(limit)}, but was "
            f"over it in {over} of {len(each)} generations of processes"
        )


def _at_most(row: ArtifactResult, limits: Limits, out: list[str], unknown: list[str]) -> None:
    parts = (row.import_s, row.load_s, row.first_call_s)
    start = None if None in parts else math.fsum(part or 0.0 for part in parts)
    checks: tuple[tuple[str, Any, Any, Callable[[Any], str]], ...] = (
        ("memory", row.memory_bytes, limits.memory, _bytes),
        ("installed", row.installed_bytes, limits.install, _bytes),
        ("size", row.bytes, limits.size, _bytes),
        ("start with the first call", start, limits.start_s, formatting.seconds),
    )
    for name, value, limit, shown in checks:
        if limit is None:
            continue
        if value is None:
            unknown.append(f"{name}: not measured here")
        elif value > limit:
            out.append(f"{name} {shown(value)}, over {shown(limit)}")


def _bytes(value: int) -> str:
    """Format bytes in both units: limits are usually given in MB, tables are in MiB."""
    return f"{value / 1e6:,.0f} MB ({formatting.binary_size(value)})"


def _throughput(
    run: RecordedRun, row: ArtifactResult, limits: Limits, out: list[str], unknown: list[str]
) -> None:
    if limits.throughput is None:
        return
    rates = [t.samples_per_s for t in row.timings.values() if t.is_plain]
    if not rates:
        unknown.append("throughput: no calls were timed")
    elif max(rates) < limits.throughput:
        out.append(f"{max(rates):,.0f} samples/s, under {limits.throughput:,.0f}")
