"""Check that the outputs are still the same, within the margin.

Each output is judged by itself, in its own unit: by the tolerance that the baseline keeps for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...outcome import Outcome
from ...parity.deviation import Deviation, deviation
from ...parity.kept_sketch import KeptSketch
from ...parity.sketch import HASHES
from ..artifact_gate import ArtifactGate
from ..baseline import OutputParity
from ..gate_input import Agreement, FormerComparison
from ..result import Check, CheckKind, ParityFigures, Verdict
from . import accuracy


@dataclass(frozen=True)
class _Difference:
    """How far an output is from what it is compared with, and from what.

    Attributes:
        output: its name.
        source: what it is compared with.
        deviation: how far it is.
        note: what decided about a quantised model, in words.
    """

    output: str
    source: str
    deviation: Deviation
    note: str = ""

    @property
    def used(self) -> float:
        """The difference as a share of the allowed one."""
        if self.deviation.difference is None:
            return 0.0 if self.deviation.passes else math.inf
        if not self.deviation.allowed:
            return math.inf if self.deviation.difference else 0.0
        return self.deviation.difference / self.deviation.allowed

    @property
    def text(self) -> str:
        """The difference in words."""
        if self.deviation.findings:
            return f"'{self.output}', beside {self.source}: {', '.join(self.deviation.findings)}"
        if self.deviation.difference is None:
            return f"'{self.output}' equals that of {self.source}"
        return (
            f"'{self.output}' differs by {self.deviation.difference:.2g} from {self.source} "
            f"({self.deviation.allowed:.2g} allowed{f'; {self.note}' if self.note else ''})"
        )


def check(gate: ArtifactGate) -> list[Check]:
    """Compare with the run's reference, the former artifact, and what the baseline keeps."""
    if CheckKind.PARITY in gate.margins.off:
        return [gate.switched_off(CheckKind.PARITY)]
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
    failed_before = old is not None and old.outcome == Outcome.PARITY_FAIL
    if new.outcome == Outcome.PARITY_FAIL and not new.parity and not failed_before:
        return _failed(gate, new.reason)
    differences = _from_reference(gate)
    if old is not None and not gate.same_weights:
        if untold := _untold(gate):
            return _failed(
                gate,
                f"its weights are not the baseline's, and no accuracy tells whether {untold} as "
                "good",
            )
    else:
        if comparison and comparison.incomparable:
            return _failed(
                gate, f"cannot be compared with the former artifact: {comparison.incomparable}"
            )
        if comparison:
            differences += _from_former(gate, comparison)
        if old and old.outputs and gate.same_inputs:
            names = old.outputs.keys() ^ new.sketches.keys()
            if names:
                return _failed(gate, _other_names(gate))
            differences += from_baseline(gate)
    if not differences:
        return gate.not_judged(CheckKind.PARITY, _why_not_judged(gate))
    note = "" if gate.same_weights else "; its weights are not the baseline's"
    worst = max(differences, key=lambda difference: difference.used)
    beyond = [difference for difference in differences if not difference.deviation.passes]
    detail = "; ".join(difference.text for difference in beyond or [worst])
    figures = ParityFigures(worst.deviation.difference, worst.deviation.allowed, worst.output)
    if beyond:
        return _failed(gate, detail + note, figures)
    compared = {difference.output for difference in differences}
    unkept = [name for name in gate.run.in_sets if name in new.parity and name not in compared]
    if unkept:
        return gate.not_judged(
            CheckKind.PARITY,
            f"the baseline keeps nothing of '{', '.join(unkept)}', whose rows are compared as sets",
            "compare with another artifact in the run, or with the former one (--against)",
        )
    if anything := _let_be_anything(gate):
        return gate.not_judged(
            CheckKind.PARITY,
            f"the margin lets be anything: {anything}",
            "give a margin that is small beside the values of the outputs",
        )
    if old and old.outcome.was_measured and not old.outputs:
        note += "; the baseline holds none of its outputs"
    return gate.check(CheckKind.PARITY, Verdict.PASSED, detail + note, "", figures)


def from_baseline(gate: ArtifactGate) -> list[_Difference]:
    """Each output beside what the baseline keeps of it, of outputs that both have."""
    kept = gate.old.outputs if gate.old else {}
    return [
        _Difference(
            name,
            "the baseline's outputs",
            deviation(gate.new.sketches[name], kept[name], gate.margins.parity),
        )
        for name in kept
        if name in gate.new.sketches
    ]


def told_by_accuracy(kept: KeptSketch) -> bool:
    """Whether an accuracy tells how good an output is: it holds what the classes are told by."""
    is_answer = len(kept.shape) == 1 and (kept.is_whole or kept.form == HASHES)
    return bool(kept.labels.size) or is_answer


def _untold(gate: ArtifactGate) -> str:
    """The outputs, in words, that may be worse with other weights without any accuracy telling."""
    if not accuracy.is_judged(gate):
        return "they are"
    names = [
        difference.output
        for difference in from_baseline(gate)
        if not difference.deviation.passes
        and gate.old
        and not told_by_accuracy(gate.old.outputs[difference.output])
    ]
    return f"'{', '.join(names)}' is" if names else ""


def _let_be_anything(gate: ArtifactGate) -> str:
    """Outputs, in words, that a margin allows more than their largest value; "" for none."""
    margin = gate.margins.parity
    kept = gate.old.outputs if gate.old else {}
    return ", ".join(
        f"'{name}', whose values go up to {sketch.largest:.3g}"
        for name, sketch in kept.items()
        if margin is not None and 0 < sketch.largest <= margin
    )


def _from_reference(gate: ArtifactGate) -> list[_Difference]:
    """Each output beside that of the run's reference."""
    new, old = gate.new, gate.old
    if new.reference in (None, gate.label) or not new.parity:
        return []
    agreement = gate.run.agreements.get(gate.label)
    if old is None or old.reference != new.reference:
        # Nothing else is known of what is allowed beside this reference.
        tolerances = {name: compared.tolerance for name, compared in new.parity.items()}
        return _within(gate, new.parity, tolerances, str(new.reference), agreement)
    allowed = {}
    for name, compared in new.parity.items():
        before = old.parity.get(name, OutputParity(0.0, compared.tolerance))
        # An output that was too far from the reference before may be as far again.
        is_beyond = not before.difference <= before.tolerance
        allowed[name] = before.tolerance + (before.difference if is_beyond else 0.0)
    failed_before = old.outcome == Outcome.PARITY_FAIL
    if failed_before and agreement and not agreement.passed:
        agreement = None
    return _within(gate, new.parity, allowed, str(new.reference), agreement)


def _from_former(gate: ArtifactGate, comparison: FormerComparison) -> list[_Difference]:
    """Each output beside that of the former artifact, by what the baseline allows."""
    kept = gate.old.outputs if gate.old else {}
    allowed = {
        name: kept[name].tolerance if name in kept else compared.tolerance
        for name, compared in comparison.parity.items()
    }
    agreement = comparison.agreement
    return _within(gate, comparison.parity, allowed, "the former artifact", agreement)


def _within(
    gate: ArtifactGate,
    parity: Mapping[str, OutputParity],
    allowed: Mapping[str, float],
    source: str,
    agreement: Agreement | None,
) -> list[_Difference]:
    """Hold the differences of outputs against what is allowed, by name.

    Labels or accuracy may decide for a quantised model, and a share of whole numbers may differ,
    as `run` decides it; but no margin may be given then.
    """
    margin = gate.margins.parity
    by_numbers = agreement is None or margin is not None
    note = agreement.reason if agreement and not by_numbers else ""
    differences = []
    for name, compared in parity.items():
        limit = allowed[name] if margin is None else margin
        passes = compared.difference <= limit  # NaN does not
        reason = f"differs by {compared.difference:.2g} ({limit:.2g} allowed)"
        if not by_numbers:
            passes = (
                (passes or compared.may_differ)
                if not note
                else bool(agreement and agreement.passed)
            )
            reason += f"; {note}" if note else ""
        findings = () if passes else (reason,)
        differences.append(
            _Difference(name, source, Deviation(compared.difference, limit, findings), note)
        )
    return differences


def _other_names(gate: ArtifactGate) -> str:
    kept = gate.old.outputs if gate.old else {}
    if not gate.new.sketches:
        return "the baseline holds its outputs, and this run has none to compare"
    return (
        f"its outputs are {', '.join(gate.new.sketches)}, those of the baseline {', '.join(kept)}"
    )


def _why_not_judged(gate: ArtifactGate) -> str:
    if gate.old is None:
        return "it is not in the baseline, and is its own reference in this run"
    if not gate.same_weights:
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
