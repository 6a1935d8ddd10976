"""The difference of two accuracies on the same samples, with an interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from .ratios import CONFIDENCE


@dataclass(frozen=True)
class Difference:
    """The difference of two accuracies on the same samples.

    Attributes:
        value: the first accuracy minus the second, in -1..1.
        low, high: its confidence interval.
        gained, lost: number of samples that only the first, and only the second, has right.
        samples: number of samples.
    """

    value: float
    low: float
    high: float
    gained: int
    lost: int
    samples: int


def paired_difference(
    mine: np.ndarray, theirs: np.ndarray, confidence: float = CONFIDENCE
) -> Difference:
    """Compute the difference of two accuracies from the samples that each has right.

    The interval is Tango's score interval for paired proportions (Statistics in Medicine 17,
    1998): unlike the textbook interval it is right where few samples differ, or none.

    Args:
        mine, theirs: whether each sample is right, bool N, in the same order, N at least 1.
        confidence: confidence level of the interval.
    """
    gained, lost = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    count = len(mine)
    value = (gained - lost) / count
    z = float(scipy.special.ndtri((1 + confidence) / 2))

    def score(difference: float) -> float:
        """How many standard errors the observed difference is above a supposed one."""
        # The most likely share of samples that only the second has right, given the difference.
        a = 2 * count
        b = -gained - lost + (2 * count - gained + lost) * difference
        c = -lost * difference * (1 - difference)
        share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = count * (2 * share + difference * (1 - difference))
        distance = gained - lost - count * difference
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    return Difference(
        value,
        _crossing(lambda d: score(d) - z, -1.0, value),
        _crossing(lambda d: score(d) + z, value, 1.0),
        gained,
        lost,
        count,
    )


def _crossing(function: Callable[[float], float], low: float, high: float) -> float:
    """Find where a falling function is zero, or the end of the interval if it has no zero there."""
    tiny = 1e-12
    inner = low + tiny, high - tiny
    if inner[0] >= inner[1]:
        return low if low == -1.0 else high
    if function(inner[0]) < 0:
        return low
    if function(inner[1]) > 0:
        return high
    return float(scipy.optimize.brentq(function, *inner, xtol=1e-12))
