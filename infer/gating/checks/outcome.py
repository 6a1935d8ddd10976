"""Check that an artifact can still be measured."""

from __future__ import annotations

from ...escaping import shell_word
from ..artifact_gate import ArtifactGate
from ..result import ArtifactState, Check, CheckKind, OutcomeFigures, Verdict


def check(gate: ArtifactGate) -> list[Check]:
    """Make a check that fails if it no longer runs, or fails in another way than before."""
    new, old = gate.new, gate.old
    if new.outcome.was_measured:
        recovered = old is not None and not old.outcome.was_measured
        was = f"; it was {old.outcome} in the baseline" if old and recovered else ""
        if old is None:
            was = "; it is not in the baseline, which it was not held against"
        figures = OutcomeFigures(ArtifactState.MEASURED, new.outcome, in_baseline=old is not None)
        return [gate.check(CheckKind.OUTCOME, Verdict.PASSED, f"ran to the end{was}", "", figures)]
    detail = f"{new.outcome}: {new.reason}"
    if old and old.outcome == new.outcome:
        if old.cause == new.cause:
            figures = OutcomeFigures(ArtifactState.FAILED, new.outcome, as_before=True)
            return [
                gate.check(
                    CheckKind.OUTCOME, Verdict.PASSED, f"{detail}; as in the baseline", "", figures
                )
            ]
        detail += (
            f"; it was {old.outcome} in the baseline too, for another reason "
            f"({old.cause or 'not named'}, now {new.cause or 'not named'})"
        )
    remedy = f"run it alone: {gate.run.commands.get(gate.label, '')}"
    if untrusted := gate.run.untrusted.get(gate.label):
        remedy = f"if you trust those who made it: --trust {untrusted}"
    return [
        gate.check(
            CheckKind.OUTCOME,
            Verdict.FAILED,
            detail,
            remedy,
            OutcomeFigures(ArtifactState.FAILED, new.outcome, in_baseline=old is not None),
        )
    ]


def missing(label: str, unreadable: str | None) -> Check:
    """Make the check of an artifact of the baseline that is not in this run.

    Args:
        label: label of the artifact.
        unreadable: problem with the file or folder in its place, if there is one.
    """
    if unreadable:
        return Check(
            label,
            CheckKind.OUTCOME,
            Verdict.FAILED,
            unreadable,
            "export it again",
            OutcomeFigures(ArtifactState.UNREADABLE),
        )
    return Check(
        label,
        CheckKind.OUTCOME,
        Verdict.FAILED,
        "it is in the baseline, but not among the artifacts of this run",
        "name it, or export it again; if it is meant to be gone, take it out of the baseline with "
        f"--update --drop {shell_word(label)}",
        OutcomeFigures(ArtifactState.MISSING),
    )
