"""The examples of an artifact, taken while its outputs are at hand, for reports to show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import InputError, MetricError
from ..examples.arrays import ArrayWriter
from ..examples.compared import ComparedOutputs
from ..examples.pictures import input_pictures
from ..examples.taking import output_examples, sample_pictures
from ..inputs.lazy_array import LazyArray
from ..inputs.store import open_store
from ..metrics.detection import DETECTION
from ..metrics.task import TaskRequest, Values, arrays_of
from ..metrics.tasks import TASKS
from ..metrics.truth import truth_by_sample
from ..parity.row_pairs import PairedOutputs
from ..parity.tolerance import Tolerance
from ..records.example_events import ExamplesTaken
from ..tensors.dtypes import are_comparable_numbers
from .run_context import RunContext

# Samples that differ whose input pictures are kept, beside those of examples.
_LISTED = 5


def take_examples(
    context: RunContext,
    label: str,
    reference: str,
    paired: PairedOutputs,
    sides: tuple[Values, Values],
    limits: Mapping[str, Tolerance],
    differing: Sequence[Mapping[str, Any]],
) -> None:
    """Keep the samples in which an artifact differs most, and record them.

    What cannot be kept is a notice: it decides nothing.

    Args:
        context: context of the run.
        label: label of the artifact.
        reference: label of its reference.
        paired: its outputs beside the reference's.
        sides: the same by samples.
        limits: tolerance by output.
        differing: samples that are listed as differing.
    """
    if label == reference:
        return

    def take() -> None:
        truth, inputs = _truth(context, label, sides[1]), _inputs(context, label)
        kept = _of_one_kind(sides)
        compared = ComparedOutputs(
            *_with_samples(paired, kept[1].keys()),
            limits,
            {
                name: partners
                for name, partners in paired.partners.items()
                if are_comparable_numbers(partners.pair.outputs.dtype, partners.pair.expected.dtype)
            },
            context.plan.row_sets,
            context.plan.absolute,
            context.plan.task,
            _roles(context.plan.task, kept[1], truth),
            arrays_of(truth),
            None if inputs is None else [array.shape for array in inputs.values()],
        )
        # Those of random numbers tell nothing.
        is_random = context.plan.random is not None
        pictures = None if inputs is None or is_random else input_pictures(inputs)
        writer = ArrayWriter(context.store.folder, label)
        outputs = output_examples(compared, kept, truth, pictures, writer)
        listed = [sample["sample"] for sample in differing[:_LISTED]]
        shown = sample_pictures(outputs, listed, pictures, writer) if pictures else {}
        if outputs or shown:
            context.store.add(
                ExamplesTaken(
                    artifact=label, reference=reference, outputs=tuple(outputs), pictures=shown
                )
            )

    context.informative("which samples to show", take, None, label)


def _truth(context: RunContext, label: str, expected: Values) -> Values:
    """The truth by samples; nothing where it does not fit, as a notice says."""
    if not expected:
        return {}
    try:
        return truth_by_sample(context.truth(label), len(next(iter(expected.values()))))
    except MetricError:
        return {}


def _roles(request: TaskRequest | None, expected: Values, truth: Values) -> Mapping[str, str]:
    """The output of each role of the task; empty where that is not known, as a notice says."""
    if request is None or request.name == DETECTION.name:  # which has other ways of naming
        return {}
    task = TASKS[request.name]
    try:
        if task.takes_rows:
            return task.evaluator(request, expected, truth).outputs
        return task.evaluator(request, arrays_of(expected), arrays_of(truth)).outputs
    except MetricError:
        return {}


def _of_one_kind(sides: tuple[Values, Values]) -> tuple[Values, Values]:
    """The outputs that can be shown on one scale: no complex numbers beside real ones."""
    mine, theirs = sides
    names = [
        name
        for name, values in theirs.items()
        if name in mine and are_comparable_numbers(mine[name].dtype, values.dtype)
    ]
    return {name: mine[name] for name in names}, {name: theirs[name] for name in names}


def _with_samples(
    paired: PairedOutputs, kept: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outputs whose samples can be told apart, of both sides; others are in one row."""
    names = [name for name, array in paired.expected.items() if array.ndim and name in kept]
    of_samples = [name for name in names if name not in paired.calls]
    return (
        {name: paired.outputs[name] for name in of_samples},
        {name: paired.expected[name] for name in of_samples},
    )


def _inputs(context: RunContext, label: str) -> Mapping[str, LazyArray] | None:
    """The inputs of an artifact; None if they cannot be read."""
    named = context.inputs[label].resolve()
    try:
        return open_store(context.tensors_of(label), beside=[named])
    except InputError:
        return None
