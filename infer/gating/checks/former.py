"""Check that the former artifact is the baseline's: else both could be worse in the same way."""

from __future__ import annotations

from ...parity.deviation import deviation
from ..artifact_gate import ArtifactGate
from ..gate_input import FormerComparison
from ..margins import OUTPUTS
from ..result import Check, CheckKind, Verdict

_DIGITS = 12


def check(gate: ArtifactGate) -> list[Check]:
    """Compare the hash of the former artifact, or its outputs; empty if there is none."""
    comparison, old = gate.comparison, gate.old
    if comparison is None:
        return []
    if CheckKind.FORMER in gate.margins.off:
        return [gate.switched_off(CheckKind.FORMER)]
    if old is None:
        return [gate.not_in_baseline(CheckKind.FORMER)]
    if old.sha256 is None:
        return [gate.not_judged(CheckKind.FORMER, "the baseline has no hash of the artifact")]
    if comparison.sha256 == old.sha256:
        detail = "it is the artifact that the baseline was written for"
        return [gate.check(CheckKind.FORMER, Verdict.PASSED, detail)]
    if gate.margins.former == OUTPUTS:
        return [_by_outputs(gate, comparison)]
    remedy = (
        "give the artifact that the baseline was written for, by the same file name; if it was "
        "exported again, and only "
        "its outputs have to be the same, say so with --margin former=outputs"
    )
    return [_failed(gate, comparison, _hashes(comparison, old.sha256), remedy)]


def _by_outputs(gate: ArtifactGate, comparison: FormerComparison) -> Check:
    kept = gate.old.outputs if gate.old else {}
    former = comparison.former
    if former is None:
        return gate.not_judged(CheckKind.FORMER, comparison.reason)
    if not kept or former.inputs != (gate.old and gate.old.inputs):
        return gate.not_judged(
            CheckKind.FORMER,
            "the baseline holds no outputs of these inputs to compare with, and its hash is "
            "another",
        )
    if kept.keys() != former.sketches.keys():
        return _failed(gate, comparison, "its outputs have other names")
    findings = [
        f"'{name}': {finding}"
        for name, sketch in kept.items()
        for finding in deviation(former.sketches[name], sketch, gate.margins.parity).findings
    ]
    if findings:
        return _failed(gate, comparison, "; ".join(findings))
    detail = "it was exported again, with the outputs that the baseline was written for"
    return gate.check(CheckKind.FORMER, Verdict.PASSED, detail)


def _hashes(comparison: FormerComparison, before: str) -> str:
    if comparison.sha256 is None:
        return f"it could not be read ({comparison.reason})"
    return f"its SHA-256 begins with {comparison.sha256[:_DIGITS]}, was {before[:_DIGITS]}"


def _failed(
    gate: ArtifactGate,
    comparison: FormerComparison,
    why: str,
    remedy: str = "give the artifact that the baseline was written for",
) -> Check:
    return gate.check(
        CheckKind.FORMER,
        Verdict.FAILED,
        f"the former artifact ({comparison.path}) is not the one that the baseline was written "
        f"for, so that nothing follows from a comparison with it: {why}",
        remedy,
    )
