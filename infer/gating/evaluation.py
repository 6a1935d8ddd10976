"""Judge a run by a baseline: pure functions over recorded results."""

from __future__ import annotations

from collections.abc import Mapping

from ..parity import predictions
from .artifact_gate import ArtifactGate
from .baseline import Baseline
from .checks import accuracy, inputs, latency, memory, outcome, parity, size
from .gate_input import GateInput
from .result import Check, GateResult

# In the order of reports. The checks after the outcome need an artifact that was measured.
_CHECKS = (inputs.check, parity.check, accuracy.check, latency.check, memory.check, size.check)


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
        checks += _checks_of(gate)
        notices += _notices_of(gate)
    for label in baseline.artifacts:
        if label not in run.entries:
            checks.append(outcome.missing(label, run.unreadable.get(label)))
    return GateResult(tuple(checks), tuple(dict.fromkeys(notices)), run.setup)


def new_baseline(run: GateInput, before: Baseline | None) -> Baseline:
    """Make a baseline from a run; it keeps the margins that were written by hand before."""
    if before is None:
        return Baseline(run.entries, run.setup)
    kept = {
        label: texts for label, texts in before.artifact_margins.items() if label in run.entries
    }
    return Baseline(run.entries, run.setup, before.margins, kept)


def _checks_of(gate: ArtifactGate) -> list[Check]:
    checks = outcome.check(gate)
    if gate.new.outcome.was_measured or gate.new.difference is not None:
        for check in _CHECKS:
            checks += check(gate)
    return checks


def _notices_of(gate: ArtifactGate) -> list[str]:
    """Notices if the former artifact is not the one that the baseline was written for."""
    comparison, old = gate.comparison, gate.old
    if not (comparison and comparison.former and old):
        return []
    former = comparison.former
    # After a new export it has other bytes and the same outputs.
    known = former.inputs == old.inputs and former.probe and old.probe
    difference = predictions.probe_difference(former.probe, old.probe) if known else 0.0
    if former.sha256 == old.sha256 or difference <= gate.allowed_difference(former):
        return []
    return [
        f"{gate.label}: the former artifact ({comparison.path}) has other outputs than the one "
        "that the baseline was written for; times and outputs are compared with the former "
        "artifact, everything else with the baseline"
    ]
