"""The parity stage of a run: choose references, compare outputs, and record the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..inputs.store import open_store
from ..metrics.task import Values
from ..parity.alignment import Aligned
from ..parity.comparable_outputs import check_as_finite, check_finite, check_lone_finite
from ..parity.rounding import beyond_bounds
from ..parity.row_pairs import PairedOutputs
from ..parity.spread import wide_tolerances
from ..parity.uninformative_inputs import uninformative_inputs
from ..parity.uninformative_outputs import uninformative_outputs
from ..parity.whole_calls import WholeCall
from ..records.parity_events import AnchorMeasured, PairCompared, ParityJudged
from ..tensors.outputs import Outputs
from .aligned_outputs import aligned_outputs
from .examples import take_examples
from .judged_outputs import accuracy_difference, judged_outputs, paired_outputs
from .neighbours import changes_by_neighbours
from .output_sketches import record_sketches
from .parity_notes import allowed_notes, anchor_note, named_changes, set_notes, state_note
from .randomness import random_changes
from .reference_outputs import ReferenceOutputs, is_finite, reference_outputs
from .run_context import RunContext
from .run_tolerances import (
    overflow_is_hidden,
    precision,
    relative_step,
    tolerances_between,
    tolerances_by_precision,
    unrepeatable_outputs,
)
from .task_metrics import TaskMetrics
from .values_by_sample import aligned_values, values_of


class ParityStage:
    """Compares the outputs that preflight saved."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._metrics = TaskMetrics(context)

    def run(self) -> None:
        """Compare the artifacts within each group of artifacts with the same weights.

        An artifact that fails is timed all the same: its speed may be why it was chosen.
        """
        context = self._context
        former = set(context.plan.pairs.values())
        compared = context.store.latest(ParityJudged)
        for key, members in self._groups(former).items():
            waiting = [label for label in members if label not in compared]
            if not waiting:
                continue
            # If the stage was interrupted, it continues with its first reference.
            before = [compared[label].reference for label in members if label in compared]
            reference = before[0] if before else self._choose_reference(members)
            try:
                expected = reference_outputs(context, reference, members, former=key in former)
            except Exception as error:
                failure = context.as_failure(error)
                for label in waiting:
                    record_sketches(context, label, {})
                    context.fail(label, failure)
                continue
            # The reference last: its non-finite values are excused if others share them.
            for label in sorted(waiting, key=lambda label: label == reference):
                record_sketches(context, label, expected.rounding)
                with context.outcome_of(label):
                    self._compare(label, expected)
        self._compare_with_former()

    def _groups(self, former: set[str]) -> dict[object, list[str]]:
        groups: dict[object, list[str]] = {}
        for label in self._context.active():
            if self._context.has_preflight(label):
                # Others are compared with a former artifact, whatever its weights.
                group = label if label in former else self._context.artifacts[label].weights
                groups.setdefault(group, []).append(label)
        return groups

    def _compare_with_former(self) -> None:
        """Compare the outputs of artifacts with those of their former versions; none is failed."""
        context = self._context
        compared = context.store.latest(PairCompared)
        measured = set(filter(context.has_preflight, context.active()))
        for label, former in context.plan.pairs.items():
            if label in compared or not {label, former} <= measured:
                continue
            try:
                aligned, _ = aligned_outputs(context, label, former)
                classes = context.classes(label) or context.classes(former)
                limits = tolerances_between(context, label, former, aligned.expected)
                result = judged_outputs(
                    context,
                    paired_outputs(context, aligned, limits),
                    limits,
                    classes,
                    accuracy_difference(context, label, aligned.outputs, aligned.expected, classes),
                )
            except Exception as error:
                result = {"passed": False, "incomparable": context.as_failure(error).reason}
            context.store.add(PairCompared.from_values(artifact=label, former=former, **result))

    def _choose_reference(self, members: list[str]) -> str:
        """Choose a reference: the user's, the training's own format, or the most precise.

        The coarser of two precisions is what both are judged by. One that draws random numbers, is
        not finite, is quantised or depends on the batch is taken only if all do or are.
        """
        if self._context.plan.reference in members:
            return str(self._context.plan.reference)

        def unfitness(label: str) -> tuple[float, ...]:
            return (
                bool(random_changes(self._context, label)),
                not is_finite(self._context, label),
                precision(self._context, label).quantisation is not None,
                bool(changes_by_neighbours(self._context, label)),
                not self._is_native(label),
                relative_step(self._context, label),
            )

        return min(members, key=unfitness)

    def _is_native(self, label: str) -> bool:
        manifest = self._context.artifacts[label].manifest
        return bool(
            manifest and manifest.native and manifest.framework == manifest.weights.get("framework")
        )

    def _compare(self, label: str, reference: ReferenceOutputs) -> None:
        context, expected, source = self._context, reference.outputs, reference.source
        notes = list(context.preflight(label).inputs.notes)
        outputs = context.outputs.values(label)
        calls: Mapping[str, Sequence[WholeCall]] = {}
        aligned: Aligned | None = None
        if label != source:
            aligned, how_aligned = aligned_outputs(
                context, label, source, reference.run, "cpu" if reference.anchor else None
            )
            outputs, expected, calls = aligned.outputs, aligned.expected, aligned.calls
            notes += how_aligned
        elif reference.anchor:
            notes.append(anchor_note(context.store.latest(AnchorMeasured)[label]))
        classes = context.classes(label) or context.classes(source)
        limits = tolerances_between(
            context,
            label,
            source,
            expected,
            reference.rounding,
            on_cpu=reference.anchor is not None,
        )
        paired = PairedOutputs(outputs, expected, calls)
        if aligned is not None:
            paired = paired_outputs(context, aligned, limits)
        self._check_finite(label, outputs, paired, reference)
        result = judged_outputs(
            context,
            *(paired, limits, classes),
            accuracy_difference(context, label, outputs, expected, classes),
            is_compared=label != source or reference.anchor is not None,
        )
        notes += allowed_notes(
            *(paired.outputs, paired.expected, result["by_output"], paired.calls),
            context.plan.absolute,
        )
        notes += set_notes(context.plan.row_sets, paired)
        if aligned is not None:
            sides = aligned_values(aligned)
        else:
            sides = (
                values_of(context, label, outputs),
                values_of(context, source, expected, reference.run),
            )
        take_examples(
            *(context, label, reference.reference, paired, sides, limits, result["differing"])
        )
        task = self._task(label, sides, classes, result["differing"])
        if result["passed"] and result["reason"]:
            notes.append(f"decided by {result['decided_by']}: {result['reason']}")
        changed, random = unrepeatable_outputs(context, label), random_changes(context, label)
        if random:
            notes.append(f"draws random numbers: {named_changes(random)} between equal calls")
        if kept := {name: by for name, by in changed.items() if name not in random}:
            repeat = context.preflight(label).repeat
            notes.append(
                state_note(kept, repeat, independent=context.plan.input_options.independent)
            )
        context.store.add(
            ParityJudged.from_values(
                artifact=label,
                reference=reference.reference,
                anchor=reference.anchor,
                **(result | task),
                notes=notes,
                repeats=not changed,
                overflow_hidden=overflow_is_hidden(context, label),
                random=random,
                random_reference=reference.random,
                by_neighbours=changes_by_neighbours(context, label),
                doubts=self._doubts(label, reference),
                tolerance_doubts=wide_tolerances(expected, limits) if label != source else [],
            )
        )

    def _doubts(self, label: str, reference: ReferenceOutputs) -> list[str]:
        """Why agreement with the reference would say little; empty for all but the reference."""
        if label != reference.reference:
            return []
        expected, source = reference.outputs, reference.source
        limits = tolerances_by_precision(self._context, source, expected)
        rounding = beyond_bounds(limits, reference.rounding, expected)
        nothing: list[str] = []
        uninformative = self._context.informative(
            "whether its outputs vary", lambda: uninformative_outputs(expected), nothing, label
        )
        inputs = self._context.informative(
            "whether its inputs vary", lambda: self._input_doubts(label), nothing, label
        )
        return [*inputs, *uninformative, *rounding]

    def _input_doubts(self, label: str) -> list[str]:
        named = self._context.inputs[label].resolve()
        arrays = open_store(self._context.tensors_of(label), beside=[named])
        states = {loop.input for loop in self._context.plan.input_options.loops}
        return uninformative_inputs(arrays, states)

    def _check_finite(
        self, label: str, outputs: Outputs, paired: PairedOutputs, reference: ReferenceOutputs
    ) -> None:
        """Check that outputs are finite wherever the reference's outputs are.

        Rows are beside their partners: the same values that are not finite may be in another order.
        """
        is_source = label == reference.source
        whole = self._context.outputs.whole(label) if is_source else {*paired.calls}
        if label != reference.source or reference.anchor:
            check_finite(paired.outputs, paired.expected, whole=whole)
            check_as_finite(paired.outputs, paired.expected, reference.title)
            # Rows without a partner are in no pair; nothing excuses their values.
            check_lone_finite({name: outputs[name] for name in paired.lone}, paired.outputs)
        events = self._context.store.latest(ParityJudged).values()
        confirmed = any(event.reference == reference.reference for event in events)
        if label == reference.reference and not confirmed:
            check_finite(outputs, whole=whole)

    def _task(
        self,
        label: str,
        sides: tuple[Values, Values],
        classes: tuple[str, ...],
        differing: list[dict[str, Any]],
    ) -> dict[str, Any]:
        """Calculate the metrics of the task, where the truth is known.

        Args:
            label: label of the artifact.
            sides: its outputs and the reference's, by the reference's names.
            classes: names of the classes, if known.
            differing: samples of different outputs; each is given its true class.
        """
        found = self._metrics.evaluate(label, *sides, classes)
        labels = self._context.labels(label)
        if found["metrics"] is None or labels is None:
            return found
        for sample in differing:
            true = labels[sample["sample"]]
            is_number = labels.dtype.kind != "U" and true < len(classes)
            sample["true"] = classes[true] if is_number else str(true)
        return found
