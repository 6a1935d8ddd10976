"""Check that accuracy was not lost, on the same samples as in the baseline."""

from __future__ import annotations

import numpy as np

from ...stats.accuracy import paired_difference
from ..artifact_gate import ArtifactGate
from ..result import AccuracyFigures, Check, CheckKind, Verdict

_NAMED_SAMPLES = 10


def check(gate: ArtifactGate) -> list[Check]:
    """Check the accuracy."""
    new, old = gate.new, gate.old
    if CheckKind.ACCURACY in gate.margins.off:
        return [gate.switched_off(CheckKind.ACCURACY)]
    if new.correct is None and (old is None or old.correct is None):
        return [
            gate.not_judged(
                CheckKind.ACCURACY,
                "neither this run nor the baseline has an accuracy: the inputs hold no labels for "
                "an output with a value for every class",
                "give inputs that hold 'labels', or say that it has none with --margin "
                "accuracy=off",
            )
        ]
    if old is None or old.correct is None:
        return [gate.not_in_baseline(CheckKind.ACCURACY)]
    if new.correct is None:
        return [
            gate.check(
                CheckKind.ACCURACY,
                Verdict.FAILED,
                "the baseline has an accuracy, this run has none",
                "give inputs that hold 'labels', or write the baseline without them with --update",
            )
        ]
    if new.accuracy_origin != old.accuracy_origin:
        return [
            gate.check(
                CheckKind.ACCURACY,
                Verdict.FAILED,
                f"it is of {new.accuracy_origin or 'an unknown output'}, that of the baseline is "
                f"of {old.accuracy_origin or 'an unknown output'}",
                "measure with the --task of the baseline, or take this one into it with --update",
            )
        ]
    if not is_judged(gate):
        return [
            gate.not_judged(
                CheckKind.ACCURACY,
                "the inputs are not those of the baseline, so that answers cannot be paired",
                "judge by the baseline's inputs, or take these into the baseline with --update",
            )
        ]
    return [_paired(gate, new.correct, old.correct)]


def is_judged(gate: ArtifactGate) -> bool:
    """Whether the accuracies of this run and of the baseline can be compared, and are."""
    new, old = gate.new, gate.old
    return (
        CheckKind.ACCURACY not in gate.margins.off
        and new.correct is not None
        and old is not None
        and old.correct is not None
        and gate.same_inputs
        and len(new.correct) == len(old.correct)
    )


def _paired(gate: ArtifactGate, now: np.ndarray, before: np.ndarray) -> Check:
    """Judge by the interval of the paired difference. Both arrays are bool N."""
    difference = paired_difference(now, before)
    figures = AccuracyFigures(
        accuracy=float(now.mean()),
        baseline=float(before.mean()),
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        allowed=-gate.margins.accuracy * float(before.mean()),
        samples=difference.samples,
    )
    loss = -figures.allowed
    detail = (
        f"{figures.accuracy:.4f}, was {figures.baseline:.4f}: {difference.value:+.2%} "
        f"[{difference.low:+.2%}, {difference.high:+.2%}] in {difference.samples:,} samples, "
        f"{difference.lost} lost and {difference.gained} gained ({loss:.2%} may be lost)"
    )
    remedy = ""
    lost = np.flatnonzero(before & ~now)
    named = ", ".join(map(str, lost[:_NAMED_SAMPLES])) + (
        " ..." if len(lost) > _NAMED_SAMPLES else ""
    )
    if not difference.lost and not difference.gained:
        # No set of samples could show less of a difference.
        verdict = Verdict.PASSED
        detail = f"{figures.accuracy:.4f}, the same {difference.samples:,} samples right"
    elif gate.margins.accuracy >= 1 or not before.any():
        return gate.not_judged(
            CheckKind.ACCURACY,
            f"the margin lets all answers be wrong ({loss:.0%} may be lost of {before.mean():.0%})",
            "give a margin that is small beside the baseline's accuracy",
        )
    elif difference.low >= figures.allowed:
        verdict = Verdict.PASSED
    elif difference.high < figures.allowed:
        verdict = Verdict.FAILED
        remedy = (
            f"look at the samples that were right before: {named}; if the loss is meant, "
            "take it into the baseline with --update, or allow it with --margin accuracy=SHARE"
        )
    else:
        verdict = Verdict.NOT_SURE
        remedy = (
            f"give more samples than {difference.samples:,}; these are too few to tell a loss of "
            f"{loss:.2%}" + (f" (right before: {named})" if named else "")
        )
    return gate.check(CheckKind.ACCURACY, verdict, detail, remedy, figures)
