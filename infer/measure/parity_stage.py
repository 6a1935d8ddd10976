"""Parity within a run: who is compared with whom, by what tolerance, and what that comes to."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import MapError
from ..outcome import Failure, Outcome
from ..parity import predictions
from ..parity.checks import check_as_finite, check_finite, check_outputs
from ..parity.comparing import compare, largest_difference, scores_of, take
from ..parity.degenerate import degenerate_outputs
from ..parity.matching import match_outputs
from ..parity.metrics import classification_metrics
from ..parity.tolerance import Tolerance, step_of, tolerances
from ..stats.accuracy import paired_difference
from ..tensors.differences import finite
from ..tensors.outputs import Outputs, read_outputs, without_rows
from ..tensors.rules import rules_for
from ..tensors.signature import Signature
from .run_context import RunContext

# What the folder and the log of a run on the CPU are called.
_ANCHOR = "anchor"


@dataclass(frozen=True)
class _ReferenceOutputs:
    """What the members of a group are judged against.

    Attributes:
        reference: label of the artifact that the group is named after.
        outputs: that all are compared with.
        noise: by how much their artifact differs from itself, run otherwise, by output.
        anchor: label of the artifact whose outputs on the CPU these are; None if they are those of
            the reference on the device that is measured.
    """

    reference: str
    outputs: Outputs
    noise: Mapping[str, float]
    anchor: str | None = None

    @property
    def source(self) -> str:
        """Label of the artifact whose outputs these are."""
        return self.anchor or self.reference

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.anchor} on the CPU" if self.anchor else self.reference


class ParityStage:
    """Compares the outputs that preflight left."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def run(self) -> None:
        """Compare artifacts within each group of artifacts that hold the same weights.

        One that fails is measured all the same: how fast it is may be why it was chosen.
        """
        groups: dict[object, list[str]] = {}
        former = set(self._context.plan.pairs.values())
        for label in self._context.alive():
            if self._context.has_preflight(label):
                # A former artifact is what others are compared with, whatever it holds.
                group = label if label in former else self._context.artifacts[label].weights
                groups.setdefault(group, []).append(label)
        compared = self._context.of_kind("parity")
        for key, members in groups.items():
            waiting = [label for label in members if label not in compared]
            if not waiting:
                continue
            # If the stage was cut off, it goes on with the reference that it began with.
            before = [compared[label]["reference"] for label in members if label in compared]
            reference = before[0] if before else self._reference(members)
            against = self._reference_outputs(reference, members, former=key in former)
            # The reference last: what others share with it excuses what is not finite in it.
            for label in sorted(waiting, key=lambda label: label == reference):
                try:
                    self._compare_one(label, against)
                except Failure as failure:
                    self._context.fail(label, failure)
        self._compare_pairs()

    def _compare_pairs(self) -> None:
        """Compare the outputs of artifacts with those of the former ones; that ends none."""
        compared = self._context.of_kind("pair")
        for label, former in self._context.plan.pairs.items():
            if label in compared or not {label, former} <= set(
                filter(self._context.has_preflight, self._context.alive())
            ):
                continue
            expected = self._context.outputs(former)
            try:
                outputs, _ = self._paired(label, former, expected)
                limits = self._tolerances(label, former, expected, {})
                absolute = self._context.plan.absolute
                result = compare(outputs, expected, limits, absolute=absolute)
            except Failure as failure:
                result = {"passed": False, "reason": failure.reason}
            self._context.store.add("pair", artifact=label, former=former, **result)

    def _reference(self, members: list[str]) -> str:
        """The user's choice, or the training's own format; rather one that is finite."""
        if self._context.plan.reference in members:
            return str(self._context.plan.reference)
        order = sorted(members, key=lambda label: not self._is_native(label))
        well = (label for label in order if self._is_finite(label))
        return next(well, order[0])

    def _is_native(self, label: str) -> bool:
        manifest = self._context.artifacts[label].manifest
        return bool(
            manifest and manifest.native and manifest.framework == manifest.weights.get("framework")
        )

    def _is_finite(self, label: str) -> bool:
        return all(finite(array).all() for array in self._context.outputs(label).values())

    def _precisions(self, label: str) -> list[str]:
        """Of an artifact: what its manifest says, or the types of its inputs and outputs.

        And TF32, where that may have been used or cannot be ruled out.
        """
        manifest = self._context.artifacts[label].manifest
        preflight = self._context.of_kind("survey")[label]
        tf32 = preflight["predict"]["placement"].get("tf32", False) is not False
        if manifest and step_of(manifest.precision) is not None:
            found = [manifest.precision]
        else:
            sides = preflight["load"]["signature"].values()
            found = [spec["dtype"] for side in sides for spec in side]
        return [*found, "tf32"] if tf32 else found

    # What is judged against

    def _reference_outputs(
        self, reference: str, members: list[str], *, former: bool
    ) -> _ReferenceOutputs:
        """The outputs that the members of a group are judged against.

        On a card those of the reference on the CPU, or of another member if it cannot run there: an
        error of the card's own arithmetic, which all share, would not show otherwise.
        """
        if self._context.plan.device != "cpu" and not former:
            for label in sorted(members, key=lambda label: label != reference):
                anchor = self._anchor(label, reference)
                if anchor["failed"] is None:
                    outputs = self._context.outputs(label, _ANCHOR)
                    noise = self._noise(label, outputs, "cpu")
                    return _ReferenceOutputs(reference, outputs, noise, label)
                if anchor["outcome"] == Outcome.HANG:  # what takes too long does so in all formats
                    break
        expected = self._context.outputs(reference)
        noise = {}
        if len(members) > 1:
            noise = self._noise(reference, expected, self._context.plan.device)
        return _ReferenceOutputs(reference, expected, noise)

    def _anchor(self, label: str, reference: str) -> dict[str, Any]:
        """Run an artifact on the CPU, with the same inputs and batch; its record, once a run."""
        known = self._context.of_kind("anchor").get(label)
        if known is not None:
            return known
        try:
            found = self._run_on_cpu(label) | {"outcome": Outcome.OK, "failed": None}
        except Failure as failure:
            found = {"outcome": failure.outcome, "failed": failure.reason}
        return self._context.store.add("anchor", artifact=label, reference=reference, **found)

    def _run_on_cpu(self, label: str) -> dict[str, Any]:
        preflight = self._context.of_kind("survey")[label]
        batch = preflight["inputs"]["only_batch"] or self._context.protocol.batch
        with self._context.process(label, _ANCHOR, device="cpu") as worker:
            worker.start()
            worker.ask("load")
            worker.ask("inputs", **self._context.inputs_of(label))
            folder = self._emptied(label, _ANCHOR)
            answer = worker.ask("predict", batch=batch, outputs=str(folder.resolve()))
        if answer["placement"]["device"] != "cpu":
            raise Failure(Outcome.WRONG_DEVICE, f"ran on {answer['placement']['device']} there")
        outputs, on_card = self._context.outputs(label, _ANCHOR), self._context.outputs(label)
        check_outputs(outputs, answer["samples"], None, without_rows(folder))
        if self._is_finite(label):
            check_finite(outputs)
        return {
            "seconds": answer["seconds"],
            "threads": self._context.plan.threads,
            "batch": batch,
            "samples": answer["samples"],
            "differences": {
                name: largest_difference(on_card.get(name), array)
                for name, array in outputs.items()
            },
        }

    def _emptied(self, label: str, name: str) -> Path:
        folder = self._context.folder(label) / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _noise(self, label: str, expected: Outputs, device: str) -> dict[str, float]:
        """By how much an artifact differs from itself, in a fresh process, run otherwise.

        Fewer samples a call and one thread have the same sums added in another order. It is
        measured once a run, and not where the user gives a tolerance.

        Args:
            label: of what others are judged against.
            expected: its outputs on the device.
            device: that it is run on again.
        """
        if self._context.plan.tolerance is not None:
            return {}
        known = self._context.of_kind("noise").get(label)
        if known is None:
            try:
                found = self._run_otherwise(label, expected, device)
            except Failure as failure:
                found = {"differences": {}, "failed": failure.reason}
            known = self._context.store.add("noise", artifact=label, device=device, **found)
        return {k: v for k, v in known["differences"].items() if v is not None}

    def _run_otherwise(self, label: str, expected: Outputs, device: str) -> dict[str, Any]:
        preflight = self._context.of_kind("survey")[label]
        only = preflight["inputs"]["only_batch"]
        samples = preflight["predict"]["samples"]
        batch = only or min(self._context.protocol.batch, samples)
        # Where state is kept, calls of another size would be another sequence.
        split = batch if only or self._repeats(label) else max(1, batch // 2)
        count = samples if only else min(samples, 4 * batch)
        with self._context.process(label, "noise", threads=1, device=device) as worker:
            worker.start()
            worker.ask("load")
            worker.ask("inputs", **self._context.inputs_of(label))
            folder = self._emptied(label, "noise")
            worker.ask("predict", batch=split, outputs=str(folder.resolve()), samples=count)
        again = read_outputs(folder)
        uneven = without_rows(folder) | without_rows(self._context.folder(label))
        found: dict[str, float | None] = {}
        for name, array in expected.items():
            if name in uneven and (split != batch or count != samples):
                continue
            first = array if name in uneven else array[:count]
            found[name] = largest_difference(again.get(name), first)
        return {"differences": found, "batch": split, "threads": 1, "samples": count}

    def _tolerances(
        self,
        label: str,
        reference: str,
        expected: Outputs,
        noise: Mapping[str, float],
        *,
        on_cpu: bool = False,
    ) -> dict[str, Tolerance]:
        """What may differ between an artifact and another, which may have been run on the CPU."""
        theirs = self._precisions(reference)
        if on_cpu:  # where there is no TF32, whatever it takes on the card
            theirs = [precision for precision in theirs if precision != "tf32"]
        precisions = [*self._precisions(label), *theirs]
        given = self._context.plan.tolerance
        return tolerances(expected, precisions, given=given, noise=noise)

    def _repeats(self, label: str) -> dict[str, float | None]:
        """The outputs that a second call on the same inputs changed, and by how much."""
        outputs = self._context.outputs(label)
        limits = self._tolerances(label, label, outputs, {})
        changed = self._context.of_kind("survey")[label]["repeat"]["differences"]
        return {
            name: changed[name]
            for name in outputs
            if changed[name] is None or changed[name] > limits[name].value
        }

    def _compare_one(self, label: str, against: _ReferenceOutputs) -> None:
        expected, reference, source = against.outputs, against.reference, against.source
        notes = list(self._context.of_kind("survey")[label]["inputs"]["notes"])
        outputs = self._context.outputs(label)
        if label != source:
            outputs, paired = self._paired(label, source, expected)
            notes += paired
        elif against.anchor:
            notes.append(self._anchor_note(label))
        if label != source or against.anchor:
            check_finite(outputs, expected)
            check_as_finite(outputs, expected, against.title)
        confirmed = any(
            r["reference"] == reference for r in self._context.of_kind("parity").values()
        )
        if label == reference and not confirmed:
            check_finite(outputs)
        classes = self._classes(label) or self._classes(source)
        result = compare(
            outputs,
            expected,
            self._tolerances(
                label, source, expected, against.noise, on_cpu=against.anchor is not None
            ),
            absolute=self._context.plan.absolute,
            classes=classes,
        )
        changed = self._repeats(label)
        if changed:
            notes.append(_repeat_note(changed))
        labels = self._context.labels(label)
        scores = scores_of(expected, len(classes) or None)
        metrics = correct = difference = None
        if labels is not None and scores and len(labels) == len(expected[scores]):
            metrics = classification_metrics(outputs[scores], labels)
            right, wanted = (a[scores].argmax(axis=1) == labels for a in (outputs, expected))
            correct = predictions.pack(right)
            difference = asdict(paired_difference(right, wanted))
            for one in result["differing"]:
                true = int(labels[one["sample"]])
                one["true"] = classes[true] if true < len(classes) else str(true)
        self._context.store.add(
            "parity",
            artifact=label,
            reference=reference,
            anchor=against.anchor,
            **result,
            metrics=metrics,
            correct=correct,
            probe=predictions.probe(outputs),
            accuracy_difference=difference,
            notes=notes,
            repeats=not changed,
            doubts=degenerate_outputs(expected) if label == reference else [],
        )

    def _paired(self, label: str, reference: str, expected: Outputs) -> tuple[Outputs, list[str]]:
        """The outputs as the reference calls them, and notes of what was not said by names."""
        outputs = self._context.outputs(label)
        signature = Signature.of(self._context.of_kind("survey")[label]["load"]["signature"])
        inputs = [spec.name for spec in signature.inputs]
        try:
            _, rules = rules_for(self._context.plan.wishes.rules, label, inputs, list(outputs))
        except MapError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        paired, pairs = match_outputs(outputs, expected, rules, label, reference)
        return paired, [
            f"{one.name}: compared with '{one.other}' ({one.note})" for one in pairs if one.note
        ]

    def _anchor_note(self, label: str) -> str:
        anchor = self._context.of_kind("anchor")[label]
        return (
            f"was run on the CPU too ({anchor['samples']:,} samples in {anchor['seconds']:.3g} s "
            f"with {anchor['threads']} threads): outputs are judged against its outputs there"
        )

    def _classes(self, label: str) -> tuple[str, ...]:
        manifest = self._context.artifacts[label].manifest
        return manifest.classes if manifest else ()

    def timed_difference(self, label: str, rows: list[int], folder: Path) -> float | None:
        """The largest difference of a timed call's outputs from those of preflight.

        None where they cannot be the same: the model keeps a state, or outputs have no samples.

        Raises:
            Failure: it is not what preflight was judged by.
        """
        if self._context.of_kind("survey")[label]["inputs"]["looped"] or self._repeats(label):
            return None
        first = self._context.folder(label)
        left_out = without_rows(folder) | without_rows(first) | {*self._context.plan.ignored}
        timed, preflight = (
            {name: array for name, array in read_outputs(where).items() if name not in left_out}
            for where in (folder, first)
        )
        if not timed:
            return None
        preflight = take(preflight, rows)
        check_outputs(timed, len(rows), None)
        check_finite(timed, preflight)
        result = compare(timed, preflight, self._tolerances(label, label, preflight, {}))
        if not result["passed"]:
            raise Failure(
                Outcome.PARITY_FAIL,
                "the outputs of a timed call differ from those of preflight by "
                f"{result['largest_difference']:.2g}",
            )
        return float(result["largest_difference"])


def _repeat_note(changed: Mapping[str, float | None]) -> str:
    """What is said of a model that does not repeat itself."""
    by = [f"'{name}'" + (f" by {v:.2g}" if v is not None else "") for name, v in changed.items()]
    return (
        f"a second call on the same inputs gave other outputs ({', '.join(by)}): it keeps a state "
        "or draws random numbers; what is compared is what it gave first, from a fresh load"
    )
