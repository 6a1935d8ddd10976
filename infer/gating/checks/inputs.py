"""Check that the inputs are the baseline's: otherwise a broken model could pass."""

from __future__ import annotations

from ..artifact_gate import ArtifactGate
from ..result import Check, CheckKind, Verdict


def check(gate: ArtifactGate) -> list[Check]:
    """Make a check that fails if the inputs differ and another check depends on them."""
    needed = {CheckKind.PARITY, CheckKind.ACCURACY} - gate.margins.off
    if not needed or gate.old is None or gate.same_inputs:
        return []
    if gate.old.inputs is None:
        if not gate.old.outputs and gate.old.correct is None:
            return []
        return [gate.not_in_baseline(CheckKind.INPUTS)]
    return [
        gate.check(
            CheckKind.INPUTS,
            Verdict.FAILED,
            "the inputs are not those of the baseline, so that outputs and answers cannot be "
            "held against it",
            "give the inputs that the baseline was written with; if these are meant, take them "
            "into the baseline with --update; or judge neither with --margin parity=off "
            "accuracy=off",
        )
    ]
