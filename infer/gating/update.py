"""Take a run into the baseline, unless it is much worse than the baseline."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from .artifact_gate import ArtifactGate
from .baseline import Baseline, BaselineEntry
from .checks import accuracy
from .checks.parity import from_baseline, told_by_accuracy
from .evaluation import checks_of
from .gate_input import GateInput
from .result import Check, CheckKind, GrowthFigures, LatencyFigures, Verdict

# Calls, memory and files that are larger by this factor are much worse.
MUCH = 2.0
# Standard errors of a difference of accuracies on different samples.
_STANDARD_ERRORS = 1.96


def much_worse(
    run: GateInput, before: Baseline, margins: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Find the artifacts of a run that are much worse than the baseline, and why, by label.

    Margins that are switched off count as their defaults.

    Raises:
        ValueError: a margin does not exist, or its value is invalid.
    """
    by_label = {}
    for label, new in run.entries.items():
        old = before.artifacts.get(label)
        if old is None:
            continue
        of_artifact = before.margins_for(label, margins or {})
        gate = ArtifactGate(
            label,
            new,
            old,
            run.former.get(label),
            replace(of_artifact, off=frozenset()),
            run,
            before,
        )
        if reasons := _reasons(gate, old):
            by_label[label] = "; ".join(reasons)
    return by_label


def new_baseline(
    run: GateInput,
    before: Baseline | None,
    accepted: Mapping[str, str] | None = None,
    dropped: Collection[str] = (),
) -> Baseline:
    """Make a baseline from a run.

    It keeps the margins that were written by hand, and artifacts that are not in the run.

    Args:
        run: the run.
        before: the baseline so far.
        accepted: why artifacts are taken though they are much worse, by label.
        dropped: labels of artifacts to take out of the baseline.
    """
    before = before or Baseline({})
    taken: dict[str, BaselineEntry] = {}
    for label, entry in run.entries.items():
        old = before.artifacts.get(label)
        # The reason stays as long as the artifact does.
        earlier = old.accepted if old and old.sha256 == entry.sha256 else ""
        taken[label] = replace(entry.to_keep(), accepted=(accepted or {}).get(label, earlier))
    entries = {k: v for k, v in {**before.artifacts, **taken}.items() if k not in dropped}
    kept = {label: texts for label, texts in before.artifact_margins.items() if label in entries}
    return Baseline(entries, before.margins, kept)


def _reasons(gate: ArtifactGate, old: BaselineEntry) -> list[str]:
    """Why an artifact is much worse than its entry in the baseline."""
    if not gate.new.outcome.was_measured:
        if not old.outcome.was_measured:
            return []
        return [f"it ran to its end before, and now: {gate.new.outcome}, {gate.new.reason}"]
    checks = checks_of(gate)
    reasons = [
        f"{check.name}: {check.detail}"
        for check in checks
        if check.kind in (CheckKind.ACCURACY, CheckKind.METRIC) and check.verdict == Verdict.FAILED
    ]
    reasons += _other_outputs(gate, old, checks)
    reasons += _lower_accuracy(gate, old)
    for check in checks:
        if check.verdict == Verdict.FAILED and _is_much(check):
            reasons.append(f"{check.name}: {check.detail}")
    return reasons


def _other_outputs(gate: ArtifactGate, old: BaselineEntry, checks: list[Check]) -> list[str]:
    """Why its outputs may be worse, which no accuracy tells."""
    parity = next(check for check in checks if check.kind == CheckKind.PARITY)
    judged = accuracy.is_judged(gate)
    if gate.new.inputs != old.inputs:
        if gate.new.correct is None and old.outputs:
            return ["the inputs are others, and no accuracy tells whether it is as good"]
        return []
    if old.outputs and gate.same_weights and gate.new.sketches.keys() == old.outputs.keys():
        others = [
            difference.output
            for difference in from_baseline(gate)
            if not difference.deviation.passes
            and not (judged and told_by_accuracy(old.outputs[difference.output]))
        ]
        if not others:
            return []
    elif parity.verdict != Verdict.FAILED or judged:
        return []
    return [
        f"its outputs are others, and no accuracy tells whether they are as good: {parity.detail}"
    ]


def _lower_accuracy(gate: ArtifactGate, old: BaselineEntry) -> list[str]:
    """Why its accuracy on other samples is lower for sure."""
    new = gate.new.correct
    if new is None or old.correct is None or accuracy.is_judged(gate):
        return []
    now, before = float(new.mean()), float(old.correct.mean())
    error = math.sqrt(now * (1 - now) / len(new) + before * (1 - before) / len(old.correct))
    if now + _STANDARD_ERRORS * error >= before * (1 - gate.margins.accuracy):
        return []
    return [f"accuracy: {now:.4f} on other samples, was {before:.4f}"]


def _is_much(check: Check) -> bool:
    match check.figures:
        case GrowthFigures(now=now, before=before):
            return now > MUCH * before
        case LatencyFigures(low=low):
            return low is not None and low > MUCH
    return False
