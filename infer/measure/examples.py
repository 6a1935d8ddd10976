"""The examples of an artifact, taken while its outputs are at hand, for reports to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        compared = ComparedOutputs(
            *_with_samples(paired),
            limits,
            paired.partners,
            context.plan.row_sets,
            context.plan.absolute,
            context.plan.task,
            _roles(context.plan.task, sides[1], truth),
            arrays_of(truth),
            None if inputs is None else [array.shape for array in inputs.values()],
        )
        # Those of random numbers tell nothing.
        is_random = context.plan.random is not None
        pictures = None if inputs is None or is_random else input_pictures(inputs)
        writer = ArrayWriter(context.store.folder, label)
        outputs = output_examples(compared, sides, truth, pictures, writer)
        listed = [sample["sample"] for sample in differing[:_LISTED]]
        kept = sample_pictures(outputs, listed, pictures, writer) if pictures else {}
        if outputs or kept:
            context.store.add(
                ExamplesTaken(
                    artifact=label, reference=reference, outputs=tuple(outputs), pictures=kept
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


def _with_samples(paired: PairedOutputs) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outputs whose samples can be told apart, of both sides; others are in one row."""
    names = [name for name, array in paired.expected.items() if array.ndim]
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
