"""The metrics of a task for the outputs of an artifact, a chunk of samples at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import MetricError
from ..tensors.chunks import give_back
from ..tensors.collected_rows import CollectedRows
from ..tensors.dtypes import are_comparable_numbers
from ..tensors.ragged import Ragged, SampleValues, samples_between
from .score import Score, scores_of_parts
from .task import Evaluator, Values, arrays_of

_AT_ONCE = 8 << 20  # bytes of outputs and truth


def evaluate(
    evaluator: Evaluator, outputs: Values, expected: Values, truth: Values, samples: int
) -> dict[str, Score]:
    """Calculate the metrics of outputs.

    Args:
        evaluator: of the task and the reference.
        outputs: outputs by the reference's names; those of another number of samples are left out.
        expected: the reference's outputs.
        truth: the truth.
        samples: number of samples, N.

    Raises:
        MetricError: the outputs have another shape than the reference's, or are no numbers.
    """
    sides: list[Values] = [
        {name: values for name, values in side.items() if _has_samples(values, samples)}
        for side in (outputs, expected, truth)
    ]
    _check_numbers(evaluator, *sides[:2])
    if not evaluator.takes_rows:
        sides = [arrays_of(side) for side in sides]
    parts: dict[str, CollectedRows] = {}
    for place in _chunks(samples, sides):
        cut = [
            {name: samples_between(values, *place) for name, values in side.items()}
            for side in sides
        ]
        try:
            some = evaluator.parts_of(*cut)
        except (KeyError, ValueError, IndexError) as error:
            raise MetricError(
                f"an output is not as the reference's ({type(error).__name__}: {error})"
            ) from None
        for name, rows in some.items():
            parts.setdefault(name, CollectedRows()).add(rows)
        give_back(*(_array(values) for side in sides for values in side.values()))
    finished = evaluator.finish({name: rows.joined() for name, rows in parts.items()})
    return scores_of_parts(evaluator.metrics, finished)


def _check_numbers(evaluator: Evaluator, outputs: Values, expected: Values) -> None:
    """Check that real numbers of the reference are no complex ones or text on the other side.

    Raises:
        MetricError: they are.
    """
    roles = evaluator.outputs.values()
    for name in outputs.keys() & expected.keys():
        # A role may be of columns of an output, as "found:4".
        is_used = any(role == name or role.startswith(f"{name}:") for role in roles)
        mine, theirs = outputs[name].dtype, expected[name].dtype
        if is_used and not are_comparable_numbers(mine, theirs):
            raise MetricError(f"'{name}' is {mine}, the reference's {theirs}")


def _has_samples(values: SampleValues, samples: int) -> bool:
    has_any = isinstance(values, Ragged) or values.ndim > 0
    return has_any and len(values) == samples


def _array(values: SampleValues) -> np.ndarray:
    return values.values if isinstance(values, Ragged) else values


def _chunks(samples: int, sides: list[Values]) -> Iterator[tuple[int, int]]:
    a_sample = sum(values.nbytes for side in sides for values in side.values()) // samples
    step = max(1, _AT_ONCE // max(1, a_sample))
    for start in range(0, samples, step):
        yield start, min(start + step, samples)
