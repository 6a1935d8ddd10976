"""Check that the outputs are still the same, within the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...parity import predictions
from ..artifact_gate import ArtifactGate
from ..result import Check, CheckKind, ParityFigures, Verdict


@dataclass(frozen=True)
class _Difference:
    """A difference, the allowed difference, and what was compared."""

    value: float
    allowed: float
    source: str

    @property
    def used(self) -> float:
        """The difference as a share of the allowed difference."""
        return self.value / self.allowed if self.allowed else math.inf

    @property
    def passes(self) -> bool:
        """Whether the difference is allowed; NaN is not."""
        return self.value <= self.allowed


def check(gate: ArtifactGate) -> list[Check]:
    """Compare with the run's reference, and with the former artifact or the baseline's values."""
    if CheckKind.PARITY in gate.margins.off:
        return []
    return [_check(gate)]


def _check(gate: ArtifactGate) -> Check:
    new, old, comparison = gate.new, gate.old, gate.comparison
    if random := gate.run.random.get(gate.label):
        return gate.check(
            CheckKind.PARITY,
            Verdict.FAILED,
            random,
            "export it in inference mode, and name a --reference that gives the same outputs in "
            "every call",
            ParityFigures(),
        )
    allowed = gate.allowed_difference(new)
    if math.isinf(allowed):
        return gate.not_judged(CheckKind.PARITY, new.reason or "the outputs were not compared")
    differences = []
    if new.reference not in (None, gate.label) and new.difference is not None:
        # An output that differed from the reference before may differ by as much again.
        before = old.difference if old and old.reference == new.reference else None
        differences.append(
            _Difference(new.difference, allowed + (before or 0.0), f"from {new.reference}")
        )
    same_weights = old is None or old.weights == new.weights
    note = "" if same_weights else "; its weights are not the baseline's"
    if same_weights and comparison and comparison.incomparable:
        return _failed(
            gate, f"cannot be compared with the former artifact: {comparison.incomparable}"
        )
    if same_weights and comparison and comparison.difference is not None:
        differences.append(_Difference(comparison.difference, allowed, "from the former artifact"))
    elif same_weights and old and old.probe and new.probe and gate.same_inputs:
        difference = predictions.probe_difference(new.probe, old.probe)
        if math.isinf(difference):
            return _failed(gate, "its outputs have other names or shapes")
        differences.append(
            _Difference(difference, allowed, "from the baseline's outputs, in a few values")
        )
    if not differences:
        return gate.not_judged(CheckKind.PARITY, _why_not_judged(gate, same_weights))
    worst = max(differences, key=lambda difference: difference.used)
    beyond = [difference for difference in differences if not difference.passes]
    detail = "; ".join(
        f"differs by {difference.value:.2g} {difference.source} ({difference.allowed:.2g} allowed)"
        for difference in beyond or differences
    )
    figures = ParityFigures(worst.value, worst.allowed)
    if beyond:
        return _failed(gate, detail + note, figures)
    return gate.check(CheckKind.PARITY, Verdict.PASSED, detail + note, "", figures)


def _why_not_judged(gate: ArtifactGate, same_weights: bool) -> str:
    if gate.old is None:
        return "it is not in the baseline, and is its own reference in this run"
    if not same_weights:
        return "it is its own reference, and its weights are not the baseline's"
    if not gate.same_inputs:
        return "it is its own reference, and the inputs are not the baseline's"
    return "it is its own reference, and the baseline holds none of its outputs"


def _failed(gate: ArtifactGate, detail: str, figures: ParityFigures | None = None) -> Check:
    return gate.check(
        CheckKind.PARITY,
        Verdict.FAILED,
        detail,
        "if the outputs are meant to be others, take them into the baseline with --update; if "
        "this much is right, allow it with --margin parity=VALUE; else look for what changed "
        "in the exporter or runtime" + gate.changed_versions,
        figures or ParityFigures(),
    )
