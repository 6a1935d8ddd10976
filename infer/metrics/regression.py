"""The task of a regressor: numbers, or maps of them."""

from __future__ import annotations

import math

import numpy as np

from ..errors import MetricError
from .metric import Drawn, Metric, mean
from .task import (
    LABELS,
    Arrays,
    Evaluator,
    Task,
    TaskRequest,
    is_number,
    labels_of,
    output_for,
    squeezed,
)

_NUMBERS = f"'{LABELS}' of the true numbers, in the shape of the output"
# With more numbers in a sample, such as a map has, all count as values of one target.
MOST_TARGETS = 64


def _regression(request: TaskRequest, expected: Arrays, truth: Arrays) -> Evaluator:
    labels = labels_of(truth, request.name, _NUMBERS)
    if not is_number(labels):
        raise MetricError(f"'{LABELS}' is {labels.dtype}: --task {request.name} takes {_NUMBERS}")
    name = output_for(
        "values",
        request,
        expected,
        lambda array: is_number(array) and squeezed(array.shape) == squeezed(labels.shape),
        f"numbers of the shape of '{LABELS}', {labels.shape}",
    )
    targets = math.prod(labels.shape[1:])
    shape = (len(labels), targets) if targets <= MOST_TARGETS else (len(labels), 1, targets)
    # R2 is of deviations: from a value nearby, so that squares do not cancel.
    centre = labels.reshape(shape).astype(np.float64).mean(axis=0).mean(axis=-1, keepdims=True)
    centre = centre if len(shape) == 3 else labels.reshape(shape).astype(np.float64).mean(axis=0)

    def parts_of(outputs: Arrays, _: Arrays, truth: Arrays) -> dict[str, np.ndarray]:
        rows = (len(truth[LABELS]), *shape[1:])
        answer, true = (
            array.reshape(rows).astype(np.float64) for array in (outputs[name], truth[LABELS])
        )
        error, deviation = answer - true, true - centre
        if len(shape) == 3:
            by_target = [
                each.mean(axis=2) for each in (error**2, deviation, deviation**2, np.abs(error))
            ]
        else:
            by_target = [error**2, deviation, deviation**2, np.abs(error)]
        squares, deviations, squared_deviations, absolute = by_target
        return {
            "absolute": absolute.mean(axis=1),
            "squares": squares,
            "deviations": deviations,
            "squared_deviations": squared_deviations,
        }

    return Evaluator(REGRESSION_METRICS, {"values": name}, parts_of)


def _root_mean_squared_error(drawn: Drawn) -> np.ndarray:
    result: np.ndarray = np.sqrt(drawn.sum("squares") / drawn.size[:, None]).mean(axis=1)
    return result


def _r2(drawn: Drawn) -> np.ndarray:
    size, errors = drawn.size[:, None], drawn.sum("squares")
    spread = drawn.sum("squared_deviations") - drawn.sum("deviations") ** 2 / size
    varies = spread > 1e-12 * np.maximum(drawn.sum("squared_deviations"), 1e-300)
    # As scikit-learn has it where the truth does not vary.
    constant = np.where(errors == 0, 1.0, 0.0)
    explained = 1 - np.divide(errors, spread, out=np.zeros_like(errors), where=varies)
    result: np.ndarray = np.where(varies, explained, constant).mean(axis=1)
    return result


REGRESSION_METRICS = (
    mean("mae", "absolute", "sklearn.metrics.mean_absolute_error", lower_is_better=True),
    Metric(
        "rmse",
        _root_mean_squared_error,
        "sklearn.metrics.root_mean_squared_error",
        lower_is_better=True,
        needs=("squares",),
    ),
    Metric("r2", _r2, "sklearn.metrics.r2_score", needs=("squares",)),
)
REGRESSION = Task("regression", _NUMBERS, ("values",), ("rmse",), _regression)
