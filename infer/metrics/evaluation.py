"""The metrics of a task for the outputs of an artifact, a chunk of samples at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import MetricError
from .score import Score, scores_of_parts
from .task import Arrays, Evaluator

_AT_ONCE = 32 << 20  # bytes of outputs and truth


def evaluate(
    evaluator: Evaluator, outputs: Arrays, expected: Arrays, truth: Arrays, samples: int
) -> dict[str, Score]:
    """Calculate the metrics of outputs.

    Args:
        evaluator: of the task and the reference.
        outputs: outputs by the reference's names; those with another number of rows are left out.
        expected: the reference's outputs.
        truth: arrays of the truth.
        samples: number of samples, N.

    Raises:
        MetricError: the outputs have another shape than the reference's.
    """
    outputs, expected, truth = (
        {name: array for name, array in arrays.items() if array.ndim and len(array) == samples}
        for arrays in (outputs, expected, truth)
    )
    chunks: list[dict[str, np.ndarray]] = []
    for place in _chunks(samples, outputs, expected, truth):
        cut = (
            {name: array[place] for name, array in arrays.items()}
            for arrays in (outputs, expected, truth)
        )
        try:
            chunks.append(evaluator.parts_of(*cut))
        except (KeyError, ValueError, IndexError) as error:
            raise MetricError(
                f"no metrics: an output is not as the reference's ({type(error).__name__}: {error})"
            ) from None
    parts = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    finished = evaluator.finish(parts)
    return scores_of_parts(evaluator.metrics, finished)


def _chunks(samples: int, *arrays: Arrays) -> Iterator[slice]:
    a_sample = sum(array.nbytes for each in arrays for array in each.values()) // samples
    step = max(1, _AT_ONCE // max(1, a_sample))
    for start in range(0, samples, step):
        yield slice(start, start + step)
