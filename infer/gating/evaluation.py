"""Judge a run by a baseline: pure functions over recorded results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .artifact_gate import ArtifactGate
from .baseline import Baseline
from .checks import accuracy, former, inputs, latency, memory, metrics, outcome, parity, size
from .gate_input import GateInput
from .result import NOTHING_HELD, Check, CheckKind, GateResult, Verdict

# In the order of reports. The checks after the outcome need an artifact that was measured.
_CHECKS = (
    *(inputs.check, former.check, parity.check, accuracy.check, metrics.check),
    *(latency.check, memory.check, size.check),
)


def evaluate(
    run: GateInput, baseline: Baseline, margins: Mapping[str, str] | None = None
) -> GateResult:
    """Judge a run by a baseline.

    Args:
        run: results of the run.
        baseline: baseline to compare with.
        margins: margins as texts, which take precedence over those of the baseline.

    Raises:
        ValueError: a margin does not exist, or its value is invalid.
    """
    checks: list[Check] = []
    notices = []
    for label, new in run.entries.items():
        gate = ArtifactGate(
            label,
            new,
            baseline.artifacts.get(label),
            run.former.get(label),
            baseline.margins_for(label, margins or {}),
            run,
            baseline,
        )
        of_artifact = checks_of(gate)
        checks += of_artifact
        notices += _unjudged(label, of_artifact)
    for label in baseline.artifacts:
        if label not in run.entries:
            checks.append(outcome.missing(label, run.unreadable.get(label)))
    result = GateResult(tuple(checks), tuple(dict.fromkeys(notices)), run.setup)
    if not result.held_against_baseline:
        return replace(result, notices=(NOTHING_HELD, *result.notices))
    return result


def checks_of(gate: ArtifactGate) -> list[Check]:
    """Make all checks of an artifact."""
    checks = outcome.check(gate)
    if gate.new.outcome.was_measured or gate.new.parity:
        for check in _CHECKS:
            checks += check(gate)
    elif gate.new.sketches and gate.old and gate.old.outputs:
        # It failed by its outputs, as by NaN, which may be others than those of the baseline.
        checks += inputs.check(gate) + parity.check(gate)
    return checks


def _unjudged(label: str, checks: list[Check]) -> list[str]:
    """A notice if of an artifact nothing was judged but whether it runs."""
    others = [check for check in checks if check.kind != CheckKind.OUTCOME]
    if not others or any(c.verdict not in (Verdict.NOT_JUDGED, Verdict.OFF) for c in others):
        return []
    parts = [
        f"{', '.join(dict.fromkeys(names))} {verdict}"
        for verdict in (Verdict.OFF, Verdict.NOT_JUDGED)
        if (names := [check.name for check in others if check.verdict == verdict])
    ]
    return [f"{label}: nothing was judged but whether it runs ({'; '.join(parts)})"]
