"""What a task is: from the outputs and the truth of samples to the parts of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ..errors import MetricError
from ..tensors.dtypes import kind_of, widened
from ..tensors.ragged import Ragged, SampleValues, described
from .metric import Metric, Parts

Arrays = Mapping[str, np.ndarray]
# The same, and what has another number of rows for each sample.
Values = Mapping[str, SampleValues]
# Whole numbers below are exact in float64.
_MOST_WHOLE = 2.0**53
_Values = TypeVar("_Values", bound=SampleValues)
XYXY = "xyxy"  # both corners, as torchvision calls it
# The truth in a file of inputs, and the beginning of the names of further arrays of it.
LABELS = "labels"
# The number of the sample of each row of the truth, where samples have other numbers of rows.
SAMPLE = f"{LABELS}.sample"


@dataclass(frozen=True)
class TaskRequest:
    """What the user says of the task.

    Attributes:
        name: the task.
        outputs: the output of each role, by the reference's names, where the user names it.
        k: of metrics that look among the k highest; None for the usual.
        box_format: what the four numbers of a box are, of a detector.
    """

    name: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    k: int | None = None
    box_format: str = XYXY


@dataclass(frozen=True)
class Evaluator:
    """A task for the outputs of one reference.

    Attributes:
        metrics: its metrics.
        outputs: the output of each role, by the reference's names.
        parts_of: the parts of some samples, from their outputs, the reference's and the truth:
            `Arrays`, or `Values` if it takes rows.
        finish: adds the parts that need all samples.
        takes_rows: whether values may have another number of rows for each sample.
    """

    metrics: tuple[Metric, ...]
    outputs: Mapping[str, str]
    parts_of: Callable[..., dict[str, np.ndarray]]
    finish: Callable[[dict[str, np.ndarray]], Parts] = lambda parts: parts
    takes_rows: bool = False


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: its name in options.
        truth: what the inputs file has to hold, for people.
        roles: what outputs can be named for.
        judged: the metrics that a gate judges without being told to.
        evaluator: makes its evaluator, from the request, the reference's outputs and the truth:
            `Arrays`, or `Values` if it takes rows.
        needs: the array of the truth without which there is nothing to calculate; "" if none is.
        takes_rows: whether values may have another number of rows for each sample.
        package: the package that it needs beside the usual ones; "" for none.
    """

    name: str
    truth: str
    roles: tuple[str, ...]
    judged: tuple[str, ...]
    evaluator: Callable[..., Evaluator]
    needs: str = LABELS
    takes_rows: bool = False
    package: str = ""


def arrays_of(values: Values) -> dict[str, np.ndarray]:
    """Those without another number of rows for each sample."""
    return {name: value for name, value in values.items() if not isinstance(value, Ragged)}


def labels_of(truth: Arrays, task: str, what: str) -> np.ndarray:
    """The array `labels`.

    Raises:
        MetricError: there is none.
    """
    if LABELS not in truth:
        raise MetricError(f"the inputs hold no '{LABELS}': --task {task} takes {what}")
    return truth[LABELS]


def whole_labels(truth: Arrays, task: str, what: str, axes: int) -> np.ndarray:
    """The array `labels` of whole numbers with so many axes.

    Raises:
        MetricError: there is none, or it is of another kind.
    """
    labels = labels_of(truth, task, what)
    if axes == 1 and labels.ndim > 1 and labels.size == len(labels):
        labels = labels.reshape(-1)
    if kind_of(labels.dtype) not in ("int", "bool") or labels.ndim != axes:
        raise MetricError(
            f"'{LABELS}' is {labels.dtype} {labels.shape}: --task {task} takes {what}"
        )
    return labels


def output_for(
    role: str,
    request: TaskRequest,
    outputs: Mapping[str, _Values],
    fits: Callable[[_Values], bool],
    what: str,
) -> str:
    """The output of a role: the one that the user names, or the only one that fits.

    Args:
        role: the role.
        request: what the user says.
        outputs: the reference's outputs.
        fits: whether an output can have the role.
        what: what has to fit, for people.

    Raises:
        MetricError: none fits, or several do.
    """
    if role in request.outputs:
        name = request.outputs[role]
        if name not in outputs:
            raise MetricError(
                f"--task {request.name} {role}={name}: there is no such output (there are: "
                f"{', '.join(outputs)})"
            )
        if not fits(outputs[name]):
            raise MetricError(
                f"--task {request.name} {role}={name}: {described(outputs[name])} is not {what}"
            )
        return name
    fitting = [name for name, values in outputs.items() if fits(values)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise MetricError(
            f"--task {request.name}: no output is {what} (there are: {listed(outputs)})"
        )
    raise MetricError(
        f"--task {request.name}: {' and '.join(fitting)} could each be the {role}: say which, as "
        f"--task {request.name} {role}={fitting[0]}"
    )


def listed(outputs: Values) -> str:
    """Outputs with their types and shapes, for people."""
    return ", ".join(f"'{name}' {described(values)}" for name, values in outputs.items())


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of one value behind the first."""
    return (*shape[:1], *(size for size in shape[1:] if size != 1))


def highest(scores: np.ndarray, axis: int) -> np.ndarray:
    """The place of the highest score; -1, which is no class, where one is NaN."""
    place: np.ndarray = scores.argmax(axis=axis)
    if not is_float(scores):
        return place
    result: np.ndarray = np.where(np.isnan(scores).any(axis=axis), -1, place)
    return result


def whole_classes(numbers: np.ndarray) -> np.ndarray:
    """Numbers of classes as int64; -1, which is no class, where one is no whole number."""
    if kind_of(numbers.dtype) in ("int", "bool"):
        return numbers.astype(np.int64)
    values = widened(numbers)
    is_whole_number = (np.abs(values) < _MOST_WHOLE) & (values == np.rint(values))
    result: np.ndarray = np.where(is_whole_number, values, -1).real.astype(np.int64)
    return result


def is_number(array: np.ndarray) -> bool:
    """Whether it holds real numbers."""
    return kind_of(array.dtype) in ("float", "int")


def is_float(array: np.ndarray) -> bool:
    """Whether it holds floating-point numbers."""
    return kind_of(array.dtype) == "float"


def is_whole(array: np.ndarray) -> bool:
    """Whether it holds whole numbers."""
    return kind_of(array.dtype) == "int"
