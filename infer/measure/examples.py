"""The examples of an artifact, taken while its outputs are at hand, for reports to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError, MetricError
from ..examples.arrays import ArrayWriter
from ..examples.compared import ComparedOutputs
from ..examples.pictures import InputPictures, input_pictures
from ..examples.taking import output_examples, sample_pictures
from ..inputs.store import open_store
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
        truth = context.truth(label)
        compared = ComparedOutputs(
            *_with_samples(paired),
            limits,
            paired.partners,
            context.plan.row_sets,
            context.plan.absolute,
            context.plan.task,
            _roles(context.plan.task, sides[1], truth),
            truth,
        )
        pictures = _pictures(context, label)
        writer = ArrayWriter(context.store.folder, label)
        outputs = output_examples(compared, pictures, writer)
        listed = [sample["sample"] for sample in differing[:_LISTED]]
        kept = sample_pictures(outputs, listed, pictures, writer) if pictures else {}
        if outputs or kept:
            context.store.add(
                ExamplesTaken(
                    artifact=label, reference=reference, outputs=tuple(outputs), pictures=kept
                )
            )

    context.informative("which samples to show", take, None, label)


def _roles(
    request: TaskRequest | None, expected: Values, truth: Mapping[str, np.ndarray]
) -> Mapping[str, str]:
    """The output of each role of the task; empty where that is not known, as a note says."""
    if request is None or not expected:
        return {}
    task = TASKS[request.name]
    samples = len(next(iter(expected.values())))
    try:
        by_sample = truth_by_sample(truth, samples)
        if task.takes_rows:
            return task.evaluator(request, expected, by_sample).outputs
        return task.evaluator(request, arrays_of(expected), arrays_of(by_sample)).outputs
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


def _pictures(context: RunContext, label: str) -> InputPictures | None:
    """The inputs of an artifact, if they are pictures; those of random numbers tell nothing."""
    if context.plan.random is not None:
        return None
    named = context.inputs[label].resolve()
    try:
        return input_pictures(open_store(context.tensors_of(label), beside=[named]))
    except InputError:
        return None
