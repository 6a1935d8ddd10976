"""Judge the outputs of a quantised model by their numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensors.dtypes import widened
from .quantised_tolerance import ExpectedError, is_distribution

# Errors of rounding leave the slope of the outputs over the reference's at 1; a scale that is wrong
# by a quarter does not. Chosen with the same networks as the factors in quantised.py.
SLOPE_WITHIN = 0.15
# Probabilities whose logarithms are compared are so far from 0 and 1, and so many steps.
_LEAST_PROBABILITY, _LEAST_STEPS = 1e-3, 4
# Standard errors of a slope that are allowed besides.
_STANDARD_ERRORS = 3


def judge(
    outputs: np.ndarray, reference: np.ndarray, difference: np.ndarray, error: ExpectedError
) -> dict[str, Any]:
    """Judge an output of a quantised model by its numbers.

    Args:
        outputs, reference: N x anything, of one shape.
        difference: their absolute difference.
        error: what quantisation is expected to do.

    Returns:
        Fields of `OutputDifference`: `root_mean_square`, `root_mean_square_limit`, `passed`,
        `channel`, [axis, place] of a channel that differs by more than half of its spread, and
        `slope`, if the outputs change with the reference's in another proportion.
    """
    measured = float(np.sqrt(np.mean(difference**2))) if difference.size else 0.0
    channel = channel_beyond(outputs, reference, error.limit + error.output_step / 2)
    slope = slope_beyond(outputs, reference, error)
    within = measured <= error.limit and difference.max(initial=0.0) <= error.largest
    return {
        "root_mean_square": measured,
        "root_mean_square_limit": error.limit,
        "channel": channel,
        "slope": slope,
        "passed": bool(within and channel is None and slope is None),
    }


def channel_beyond(
    outputs: np.ndarray, reference: np.ndarray, limit: float
) -> tuple[int, int] | None:
    """Find a channel that differs by more than half of its own spread.

    A few channels in a wrong place among many hardly show in the root mean square of all.

    Args:
        outputs, reference: N x anything, of one shape.
        limit: the root mean square that passes in any channel.

    Returns:
        Its axis and its place there; None if there is none.
    """
    a, b = widened(outputs), widened(reference)
    with np.errstate(invalid="ignore"):
        errors = np.where(np.isfinite(a) & np.isfinite(b), np.abs(a - b), 0.0)
        deviations = np.where(np.isfinite(b), np.abs(b - b.mean(axis=0)), 0.0)
    for axis in range(1, b.ndim):
        rest = tuple(index for index in range(b.ndim) if index != axis)
        wrong = np.sqrt(np.mean(errors**2, axis=rest))
        allowed = np.maximum(np.sqrt(np.mean(deviations**2, axis=rest)) / 2, limit)
        worst = int(np.argmax(wrong - allowed)) if wrong.size else 0
        if wrong.size and wrong[worst] > allowed[worst]:
            return axis, worst
    return None


def slope_beyond(outputs: np.ndarray, reference: np.ndarray, error: ExpectedError) -> float | None:
    """Find the slope of the outputs over the reference's, if it is not 1.

    A wrong scale of a layer changes no label and, where probabilities are near 0 or 1, few numbers.
    Of probabilities the slope is that of their logarithms, since softmax turns a scale into that.

    Args:
        outputs, reference: N x anything, of one shape.
        error: what quantisation is expected to do.

    Returns:
        The slope; None if it is near 1, or cannot be told.
    """
    a, b = widened(outputs), widened(reference)
    if np.iscomplexobj(a) or np.iscomplexobj(b) or 2 * error.output_step > error.spread:
        return None
    usable = np.isfinite(a) & np.isfinite(b)
    axis = 0 if b.ndim and len(b) > 1 else None
    if is_distribution(np.where(usable, b, 0.0)):
        least = max(_LEAST_PROBABILITY, _LEAST_STEPS * error.output_step)
        usable &= (b > least) & (b < 1 - least)
        with np.errstate(invalid="ignore"):
            a, b = (np.log(np.maximum(values, least / 4)) for values in (a, b))
        axis = -1
    count = np.maximum(usable.sum(axis=axis, keepdims=True), 1)
    a, b = (np.where(usable, values, 0.0) for values in (a, b))
    a, b = (
        np.where(usable, values - values.sum(axis=axis, keepdims=True) / count, 0.0)
        for values in (a, b)
    )
    varies = float((b**2).sum())
    if not varies:
        return None
    slope = float((a * b).sum()) / varies
    scatter = math.sqrt(float(((a - slope * b) ** 2).sum()) / max(1, int(usable.sum())))
    allowed = SLOPE_WITHIN + _STANDARD_ERRORS * scatter / math.sqrt(varies)
    return slope if abs(slope - 1) > allowed else None
