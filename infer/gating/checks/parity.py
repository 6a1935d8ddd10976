"""Check that the outputs are still the same, within the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...outcome import Outcome
from ...parity import predictions
from ..artifact_gate import ArtifactGate
from ..gate_input import Agreement, FormerComparison
from ..result import Check, CheckKind, ParityFigures, Verdict


@dataclass(frozen=True)
class _Difference:
    """A difference, the allowed difference, and what was compared.

    Attributes:
        value, allowed: of the output that differs most against what is allowed.
        source: what it was compared with, in words.
        agreement: whether the outputs agree as `run` decides it; None where only the difference
            counts.
    """

    value: float
    allowed: float
    source: str
    agreement: Agreement | None = None

    @property
    def used(self) -> float:
        """The difference as a share of the allowed difference."""
        return self.value / self.allowed if self.allowed else math.inf

    @property
    def passes(self) -> bool:
        """Whether the difference is allowed; NaN is not."""
        return self.agreement.passed if self.agreement else self.value <= self.allowed

    @property
    def text(self) -> str:
        """The difference in words."""
        text = f"differs by {self.value:.2g} {self.source} ({self.allowed:.2g} allowed"
        reason = self.agreement.reason if self.agreement else ""
        return f"{text}; {reason})" if reason else f"{text})"


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
        differences.append(_from_reference(gate, new.difference, allowed))
    same_weights = old is None or old.weights == new.weights
    note = "" if same_weights else "; its weights are not the baseline's"
    if same_weights and comparison and comparison.incomparable:
        return _failed(
            gate, f"cannot be compared with the former artifact: {comparison.incomparable}"
        )
    if same_weights and comparison and comparison.difference is not None:
        differences.append(_from_former(gate, comparison, comparison.difference, allowed))
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
    detail = "; ".join(difference.text for difference in beyond or differences)
    figures = ParityFigures(worst.value, worst.allowed)
    if beyond:
        return _failed(gate, detail + note, figures)
    return gate.check(CheckKind.PARITY, Verdict.PASSED, detail + note, "", figures)


def _from_reference(gate: ArtifactGate, value: float, allowed: float) -> _Difference:
    """The difference from the run's reference.

    An output that failed before, beside the same reference, may differ by as much again.
    """
    source, old = f"from {gate.new.reference}", gate.old
    agreement = _agreement(gate, gate.run.agreements.get(gate.label))
    before = old.difference if old and old.reference == gate.new.reference else None
    if agreement and (agreement.passed or not (old and old.outcome == Outcome.PARITY_FAIL)):
        return _Difference(value, allowed, source, agreement)
    return _Difference(value, allowed + (before or 0.0), source)


def _from_former(
    gate: ArtifactGate, comparison: FormerComparison, value: float, allowed: float
) -> _Difference:
    """The difference from the former artifact, by the tolerance between the two."""
    agreement = _agreement(gate, comparison.agreement)
    allowed = agreement.tolerance if agreement else allowed
    return _Difference(value, allowed, "from the former artifact", agreement)


def _agreement(gate: ArtifactGate, agreement: Agreement | None) -> Agreement | None:
    """What counts beside the difference: nothing, if a margin says what is allowed."""
    return agreement if gate.margins.parity is None else None


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
