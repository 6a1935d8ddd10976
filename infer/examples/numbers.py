"""Examples of numbers: what a regressor says, the reference, and the truth."""

from __future__ import annotations

import numpy as np

from ..metrics.regression import MOST_TARGETS, REGRESSION
from ..metrics.task import LABELS
from ..parity.element_differences import map_axes
from ..records.example_events import Example, OutputExamples
from ..tensors.dtypes import kind_of, widened
from .arrays import ArrayWriter
from .compared import ComparedOutputs, chosen

# Numbers of a sample that are shown, and samples in a plot.
_MOST_NUMBERS, _MOST_POINTS = 6, 300


def number_examples(
    compared: ComparedOutputs, name: str, writer: ArrayWriter
) -> OutputExamples | None:
    """Choose the samples of an output of numbers with the largest differences; None if it is none.

    With `--task regression` it is the output of the task, else one of a number a sample.

    Arrays of an example: `numbers`, 4 x up to 6: the number of each target, and the reference's,
    the artifact's and the true value (NaN if not known). Of all samples, where each has one number:
    `points`, 4 x up to 300: samples, and the same values.

    Args:
        compared: the outputs.
        name: name of the output.
        writer: writes the arrays.
    """
    outputs, expected = compared.sides(name)
    is_task = compared.task is not None and compared.task.name == REGRESSION.name
    targets = int(np.prod(expected.shape[1:]))
    fits = kind_of(expected.dtype) in ("float", "int") and map_axes(expected.shape) is None
    if not fits or not 0 < targets <= (MOST_TARGETS if is_task else 1) or len(expected) < 2:
        return None
    truth = None
    if is_task and (labels := compared.truth.get(LABELS)) is not None:
        if name != compared.roles.get("values"):
            return None
        truth = labels.reshape(len(expected), targets)
    rows = len(expected), targets
    largest, differs = compared.largest(name)

    def values(place: np.ndarray) -> list[np.ndarray]:
        sides = [widened(side[place]).reshape(len(place), targets) for side in (expected, outputs)]
        true = np.full(sides[0].shape, np.nan) if truth is None else widened(truth[place])
        return [*sides, true]

    worst = chosen(differs, largest)
    examples = []
    for sample in worst:
        by_target = [side[0] for side in values(np.array([sample]))]
        apart = np.nan_to_num(np.abs(by_target[1] - by_target[0]), nan=np.inf)
        shown = np.sort(np.argsort(-apart, kind="stable")[:_MOST_NUMBERS])
        numbers = np.stack([shown.astype(np.float64), *(side[shown] for side in by_target)])
        arrays = {"numbers": writer.write(numbers)}
        examples.append(Example(sample, float(largest[sample]), arrays))
    arrays = {}
    if targets == 1:
        step = -(-rows[0] // (_MOST_POINTS - len(worst)))
        place = np.union1d(worst, np.arange(0, rows[0], step)).astype(np.int64)
        points = np.stack([place.astype(np.float64), *(side[:, 0] for side in values(place))])
        arrays["points"] = writer.write(points)
    return OutputExamples(
        *("numbers", name, rows[0], int(differs.sum()), tuple(examples)), arrays=arrays
    )
