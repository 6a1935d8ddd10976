"""Check that calls take no longer than those of the former artifact, measured in turn."""

from __future__ import annotations

import math

from ...quantities import duration
from ...records.protocol import scenario_options
from ...stats.ratios import Ratio
from ..artifact_gate import ArtifactGate
from ..gate_input import FormerComparison
from ..result import Check, CheckKind, LatencyFigures, Verdict

# Beyond this duration a longer measurement is not recommended.
_LONGEST_S = 3600.0


def check(gate: ArtifactGate) -> list[Check]:
    """Make a check for every workload that was timed in this run or in the baseline."""
    if CheckKind.LATENCY in gate.margins.off:
        return [gate.switched_off(CheckKind.LATENCY)]
    workloads = dict.fromkeys((*gate.new.call_s, *(gate.old.call_s if gate.old else ())))
    return [_check(gate, workload) for workload in workloads]


def _check(gate: ArtifactGate, workload: str) -> Check:
    comparison = gate.comparison
    if workload not in gate.new.call_s:
        return gate.not_judged(
            CheckKind.LATENCY, "was not measured in this run", _timed_by(gate, workload), workload
        )
    if comparison is None:
        return gate.not_judged(
            CheckKind.LATENCY,
            "cannot judge time: the former artifact is not at hand to be measured beside it",
            "give the former artifacts with --against",
            workload,
        )
    if comparison.former is None:
        return gate.not_judged(
            CheckKind.LATENCY,
            f"cannot judge time: the former artifact failed ({comparison.reason})",
            workload=workload,
        )
    ratio = comparison.ratios.get(workload)
    if ratio is None or ratio.low is None or ratio.high is None:
        return gate.check(
            CheckKind.LATENCY,
            Verdict.NOT_SURE,
            "too few generations of processes to say",
            f"measure longer (--budget {max(5, math.ceil(gate.run.seconds / 15))}m)",
            LatencyFigures(ratio.value) if ratio else None,
            workload,
        )
    limit = 1 + gate.margins.latency
    detail = (
        f"takes {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] of the former artifact's "
        f"time, measured in turn ({limit:.2f} allowed)"
    )
    if ratio.low > limit:
        verdict, remedy = Verdict.FAILED, _slower(comparison, limit)
    elif ratio.high <= limit:
        verdict, remedy = Verdict.PASSED, ""
    else:
        verdict, remedy = Verdict.NOT_SURE, _measure_longer(ratio, limit, gate.run.seconds)
    figures = LatencyFigures(ratio.value, ratio.low, ratio.high, limit, ratio.generations)
    return gate.check(CheckKind.LATENCY, verdict, detail, remedy, figures, workload)


def _timed_by(gate: ArtifactGate, workload: str) -> str:
    """The options that time calls of a workload beside the usual ones."""
    options = scenario_options(workload, (gate.old or gate.new).setup.batch)
    return f"time such calls too, with {options}" if options else ""


def _slower(comparison: FormerComparison, limit: float) -> str:
    return (
        f"see what differs: {comparison.command}; if it is meant, make this artifact the "
        f"former one, or allow more than {limit - 1:.0%} with --margin latency=SHARE"
    )


def _measure_longer(ratio: Ratio, limit: float, seconds: float) -> str:
    """Recommend a longer run: an interval narrows with the square root of its duration."""
    assert ratio.resolution is not None
    half = math.log1p(ratio.resolution)
    distance = abs(math.log(limit / ratio.value))
    needed = 1.2 * seconds * (half / distance) ** 2 if distance else math.inf
    if needed > _LONGEST_S:
        return (
            "the time is too close to what is allowed to tell within an hour; allow more or "
            "less with --margin latency=SHARE, or measure on a quieter machine"
        )
    minutes = max(math.ceil(needed / 60), 1)
    return f"measure longer (--budget {minutes}m)" + (
        f"; {duration(seconds)} were not enough" if seconds else ""
    )
