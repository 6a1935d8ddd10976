"""Rank artifacts by speed, memory and size: pure functions of a run's records."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..outcome import Outcome
from ..records.events import elapsed_s
from ..records.protocol import longer_budget_minutes
from ..stats.ratios import Ratio, family_ratios, ratio_of
from . import code_execution, formatting
from .queries import is_adaptive_run, sample_differences
from .recorded_run import RecordedRun
from .short_labels import WHOLE, ShortLabels
from .summary import ArtifactResult

SINGLE, THROUGHPUT, MEMORY, INSTALL = "single", "throughput", "memory", "install"
AIMS = {
    SINGLE: "fastest single sample",
    THROUGHPUT: "highest throughput",
    MEMORY: "smallest memory",
    INSTALL: "smallest install",
}
NO_CODE = "no code on load"
# Memory is measured once: artifacts within this relative difference are called equal.
_AS_SMALL = 0.02


@dataclass(frozen=True)
class Answer:
    """The best artifact for a need.

    Attributes:
        need: the need, in words.
        best: the best artifact; None if the run cannot tell.
        value: its figure, in words.
        equals: artifacts that this run cannot distinguish from the best.
        next_best: the second-best artifact, which may be among `equals`; None if there is none.
        cost: ratio of `next_best` to `best`, of the times for a sample or of the bytes.
        how_sure: certainty, in words.
    """

    need: str
    best: str | None
    value: str
    equals: tuple[str, ...]
    next_best: str | None
    cost: Ratio | None
    how_sure: str


def families(run: RecordedRun) -> list[list[ArtifactResult]]:
    """Group the measured artifacts by their reference, the largest group first."""
    by_reference: dict[str, list[ArtifactResult]] = {}
    for row in run.summary.rows:
        reference = run.summary.speed_references.get(row.artifact)
        if reference is not None and row.import_s is not None:
            by_reference.setdefault(reference, []).append(row)
    return sorted(by_reference.values(), key=len, reverse=True)


def answers(
    run: RecordedRun, rows: list[ArtifactResult], labels: ShortLabels = WHOLE
) -> list[Answer]:
    """Find the best artifact for each need, among those with the same inputs that agree.

    Args:
        run: the recorded run.
        rows: the artifacts.
        labels: what they are called in the answers.
    """
    good = [row for row in rows if row.outcome == Outcome.OK]
    found = [*(best(run, good, aim, labels) for aim in AIMS), _without_code(good)]
    return [
        replace(
            answer,
            best=answer.best and labels[answer.best],
            equals=tuple(labels[name] for name in answer.equals),
            next_best=answer.next_best and labels[answer.next_best],
        )
        for answer in found
    ]


def best(
    run: RecordedRun, rows: list[ArtifactResult], aim: str, labels: ShortLabels = WHOLE
) -> Answer:
    """Find the best artifact for one of `AIMS`; `labels` are used in words only."""
    if aim == MEMORY:
        return _smallest(
            AIMS[aim],
            rows,
            lambda row: row.memory_bytes,
            _AS_SMALL,
            f"measured in one process each; what is within {_AS_SMALL:.0%} is called equal",
            labels,
        )
    if aim == INSTALL:
        return _smallest(
            AIMS[aim],
            rows,
            lambda row: row.installed_bytes,
            0.0,
            "counted: the runtime with what it needs, in the environment that was measured",
            labels,
        )
    return _fastest(run, rows, aim, labels)


def _workload(run: RecordedRun, row: ArtifactResult, aim: str) -> str | None:
    """Choose the workload that an artifact is judged by: host to host, without pauses."""
    plain = [name for name, timing in row.timings.items() if timing.is_plain]
    if aim == SINGLE:
        return next((p for p in plain if row.timings[p].workload.batch == 1), None)
    return max(plain, key=lambda p: row.timings[p].samples_per_s, default=None)


def _fastest(run: RecordedRun, rows: list[ArtifactResult], aim: str, labels: ShortLabels) -> Answer:
    workloads = {row.artifact: workload for row in rows if (workload := _workload(run, row, aim))}
    if not workloads:
        missing = "no calls of one sample were" if aim == SINGLE else "nothing was"
        return Answer(
            AIMS[aim], None, "-", (), None, None, f"{missing} timed: add --scenario single batch"
        )
    anchor = next(iter(workloads))

    def differences(name: str, other: str) -> list[float]:
        return sample_differences(run.events, (name, workloads[name]), (other, workloads[other]))

    levels = {anchor: 1.0}
    for name in list(workloads)[1:]:
        if log_ratios := differences(name, anchor):
            levels[name] = ratio_of(log_ratios).value
    first = min(levels, key=lambda name: levels[name])
    # The best is known only afterwards, so the correction counts all pairs.
    pairs = math.comb(len(levels), 2)
    to_first = {
        name: log_ratios
        for name in sorted(levels, key=lambda name: levels[name])
        if name != first and (log_ratios := differences(name, first))
    }
    behind = family_ratios(to_first, pairs, is_adaptive=is_adaptive_run(run.events))
    row = next(row for row in rows if row.artifact == first)
    timing = row.timings[workloads[first]]
    value = (
        formatting.seconds(timing.call_s)
        if aim == SINGLE
        else f"{formatting.three_digits(timing.samples_per_s)} samples/s at {workloads[first]}"
    )
    equals = tuple(name for name, ratio in behind.items() if not ratio.low or ratio.low <= 1)
    surely = {name: ratio for name, ratio in behind.items() if name not in equals}
    after = next(iter(surely), None)
    second = next(iter(behind), None)
    cost = behind[second] if second else None
    return Answer(
        AIMS[aim],
        first,
        value,
        equals,
        second,
        cost,
        _how_sure(behind, pairs, equals, after, surely, elapsed_s(run.events), labels),
    )


def _how_sure(
    behind: dict[str, Ratio],
    pairs: int,
    equals: tuple[str, ...],
    after: str | None,
    surely: dict[str, Ratio],
    seconds: float,
    labels: ShortLabels,
) -> str:
    if not behind:
        return "nothing to compare it with"
    if all(ratio.low is None for ratio in behind.values()):
        minutes = longer_budget_minutes(seconds)
        return f"not sure: too few generations of processes for an interval (--budget {minutes}m)"
    parts = []
    if equals:
        widest = max((r.resolution or math.inf for n, r in behind.items() if n in equals))
        seen = f" (it could have seen {formatting.percent(widest)})" if widest < math.inf else ""
        names = ", ".join(labels[name] for name in equals)
        # A table compares less, each with the reference alone, and may tell them apart.
        compared = f"with all {pairs} pairs compared, " if pairs > 1 else ""
        parts.append(f"{compared}this run cannot tell it from {names}{seen}")
    if after:
        parts.append(
            f"surely ahead of {labels[after]}, which takes {formatting.interval(surely[after])} "
            "times as long"
        )
    return "; ".join(parts)


def _smallest(
    need: str,
    rows: list[ArtifactResult],
    of: Callable[[ArtifactResult], int | None],
    as_small: float,
    how: str,
    labels: ShortLabels,
) -> Answer:
    sizes = {row.artifact: size for row in rows if (size := of(row))}
    if not sizes:
        return Answer(need, None, "-", (), None, None, "not measured")
    order = sorted(sizes, key=lambda name: sizes[name])
    first, least = order[0], sizes[order[0]]
    equals = tuple(name for name in order[1:] if sizes[name] <= least * (1 + as_small))
    after = next((name for name in order[1:] if name not in equals), None)
    more = f"{labels[after]} takes {sizes[after] / least:.2f} times as much; " if after else ""
    second = next(iter(order[1:]), None)
    cost = Ratio(sizes[second] / least, None, None, 1) if second else None
    return Answer(need, first, formatting.binary_size(least), equals, second, cost, more + how)


def _without_code(rows: list[ArtifactResult]) -> Answer:
    because = {row.artifact: code_execution.why(row) or code_execution.unknown(row) for row in rows}
    named = tuple(name for name, why in because.items() if why is None)
    by_format = {row.format: why for row in rows if (why := because[row.artifact])}
    reasons = "; ".join(f"{format_name}: {why}" for format_name, why in by_format.items())
    how = f"by format, not by what a manifest claims{'; ' + reasons if reasons else ''}"
    if not named:
        return Answer(NO_CODE, None, "-", (), None, None, how)
    return Answer(NO_CODE, named[0], f"{len(named)} of {len(rows)}", named[1:], None, None, how)
