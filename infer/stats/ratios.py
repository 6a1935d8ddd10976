"""The ratio of two artifacts' times, with its confidence interval.

The unit is the generation: a set of fresh processes that were alive together. Calls of one
process are not independent samples of an artifact's speed, since processes of the same artifact
differ by more than their calls do.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median
from typing import TypeVar

import numpy as np
import scipy

CONFIDENCE = 0.95
# A run that ends when its intervals are narrow ends where they happen to be. 93 to 95 % of them
# held the truth in 20,000 simulated runs, and with this factor 95.4 to 96.5 %.
_ADAPTIVE_WIDER = 1.1
# Of so many generations one is left out at either end, before they are averaged: now and then one
# process of an artifact is slower than all others for as long as it lives. With ten or eleven,
# intervals of normal values would become an eighth wider.
_TRIMMED_OF = 12
# Their intervals would miss the mean of normal values in 5.2 to 6.1 % of 200,000 simulated runs of
# 12 to 16 generations, and with this factor in 4.1 to 4.9 %.
_TRIMMED_WIDER = 1.04
# The degrees of freedom that the mean variance of all artifacts counts as, beside an artifact's own
# of up to four. With 2.5 the error over the family is up to 5.6 % where two artifacts of fourteen
# scatter twenty times as much as the others.
_BORROWED_WEIGHT = 2.0
# From six generations on borrowing narrows intervals by less than a tenth where artifacts scatter
# alike, and widens those of the quiet ones by up to a half where they do not.
_OWN_VARIANCE_FROM = 6
# Two artifacts have too little to lend: intervals that borrow err up to 6.5 %.
_LEAST_TO_BORROW = 3

Name = TypeVar("Name", bound=Hashable)


class Direction(StrEnum):
    """Which of two artifacts is faster."""

    FASTER = "faster"
    SLOWER = "slower"
    NONE_FOUND = "no difference found"
    UNKNOWN = "too few generations to say"


@dataclass(frozen=True)
class Ratio:
    """The ratio of an artifact's time to the reference's.

    Attributes:
        value: the estimate; below 1 is faster than the reference.
        low, high: its confidence interval, corrected for the number of comparisons;
            None where there are too few generations for one.
        generations: pairs that stand behind it.
    """

    value: float
    low: float | None
    high: float | None
    generations: int

    @property
    def direction(self) -> Direction:
        """What the interval shows."""
        if self.low is None or self.high is None:
            return Direction.UNKNOWN
        if self.high < 1:
            return Direction.FASTER
        return Direction.SLOWER if self.low > 1 else Direction.NONE_FOUND

    @property
    def verdict(self) -> str:
        """The direction in words, with the smallest difference that could have been seen."""
        if self.resolution is None:
            return str(self.direction)
        return f"{self.direction} (could have seen {_percent(self.resolution)})"

    @property
    def resolution(self) -> float | None:
        """Half the width of the interval as a share: the smallest difference that would show."""
        if self.low is None or self.high is None:
            return None
        return float(np.sqrt(self.high / self.low) - 1)


def ratio_of(
    differences: Sequence[float],
    comparisons: int = 1,
    *,
    beside: Sequence[Sequence[float]] = (),
    is_adaptive: bool = False,
) -> Ratio:
    """Estimate a ratio from differences in log time.

    The estimate is the trimmed mean, the interval that of Tukey and McLaughlin (1963); of less than
    twelve differences, the mean and Student's. The level is what Bonferroni's correction makes of
    the number of comparisons. With few generations the variance is moderated by those of the
    artifacts beside it, if there are any.

    Args:
        differences: differences in log seconds, one for each generation, at least one.
        comparisons: number of artifacts that are compared with the reference in this run.
        beside: differences of the other artifacts that are compared in this run.
        is_adaptive: whether measuring went on until the interval was narrow (`--resolve`).
    """
    count = len(differences)
    centre, error, freedom = _trimmed(differences)
    if count < 2:
        return Ratio(float(np.exp(centre)), None, None, count)
    variances = [_variance(d) for d in (differences, *beside) if len(d) > 1]
    if count < _OWN_VARIANCE_FROM and len(variances) >= _LEAST_TO_BORROW:
        half = _moderated_half(variances, count, comparisons)
    else:
        half = error * _student(freedom, comparisons)
    half *= _ADAPTIVE_WIDER if is_adaptive else 1.0
    return Ratio(
        float(np.exp(centre)), float(np.exp(centre - half)), float(np.exp(centre + half)), count
    )


def family_ratios(
    differences: Mapping[Name, Sequence[float]],
    comparisons: int,
    *,
    borrows: bool = True,
    is_adaptive: bool = False,
) -> dict[Name, Ratio]:
    """Estimate the ratios of several artifacts to the same one.

    Args:
        differences: as `ratio_of` takes them, of each artifact.
        comparisons, is_adaptive: as `ratio_of` takes them.
        borrows: whether intervals may be moderated; else each is based on the artifact's own
            variance.
    """
    return {
        name: ratio_of(
            mine,
            comparisons,
            beside=[theirs for other, theirs in differences.items() if borrows and other != name],
            is_adaptive=is_adaptive,
        )
        for name, mine in differences.items()
    }


def _moderated_half(variances: Sequence[float], count: int, comparisons: int) -> float:
    """Half the width of an interval whose variance is moderated by those of other artifacts.

    Two degrees of freedom or three say little of an artifact's variance, and the variances of one
    run are alike, more or less: the interval is Student's with a weighted mean of the artifact's
    own variance and the mean of all (Smyth 2004, with a fixed weight). Few artifacts may scatter
    more than all others, and the reference's scatter is common to all comparisons: so no interval
    is narrower than an uncorrected one with its own variance, nor with the median of all.

    Args:
        variances: variance of a generation's difference, by artifact; that of this one first.
        count: number of generations of this one, at least two.
        comparisons: number of artifacts that are compared.
    """
    freedom = count - 1
    moderated = freedom * variances[0] + _BORROWED_WEIGHT * fmean(variances)
    moderated /= freedom + _BORROWED_WEIGHT
    corrected = math.sqrt(moderated) * _student(freedom + _BORROWED_WEIGHT, comparisons)
    least = math.sqrt(max(variances[0], median(variances))) * _student(freedom)
    return max(corrected, least) / math.sqrt(count)


def _variance(values: Sequence[float]) -> float:
    """The variance of a sample, faster than NumPy for as few values as generations."""
    mean = fmean(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _student(freedom: float, comparisons: int = 1) -> float:
    """The quantile of Student's t for a two-sided interval, with Bonferroni's correction."""
    confidence = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
    return float(scipy.special.stdtrit(freedom, (1 + confidence) / 2))


def _trimmed(values: Sequence[float]) -> tuple[float, float, int]:
    """The trimmed mean, its standard error and the degrees of freedom of that."""
    ordered = np.sort(values)
    count = len(ordered)
    cut = count // _TRIMMED_OF
    left = count - 2 * cut
    mean = float(ordered[cut : count - cut].mean())
    if count < 2:
        return mean, 0.0, 0
    winsorized = np.clip(ordered, ordered[cut], ordered[-cut - 1])
    error = float(winsorized.std(ddof=1) * np.sqrt(count) / left)
    return mean, error * (_TRIMMED_WIDER if cut else 1.0), left - 1


def change_of(
    before: Sequence[float],
    after: Sequence[float],
    comparisons: int = 1,
    *,
    is_adaptive: bool = False,
) -> Ratio:
    """Estimate the factor by which a ratio changed from one run to another.

    The interval is Welch's, as Yuen (1974) has it for trimmed means, since the generations of two
    runs have nothing in common and may scatter differently; it is corrected as that of `ratio_of`.

    Args:
        before, after: differences in log time to the same reference, one a generation, at least
            one in each.
        comparisons: number of such changes that are judged.
        is_adaptive: whether one of the runs went on until its intervals were narrow.
    """
    sides = [_trimmed(before), _trimmed(after)]
    change = sides[1][0] - sides[0][0]
    count = min(len(before), len(after))
    if count < 2:
        return Ratio(float(np.exp(change)), None, None, count)
    variances = [error**2 for _, error, _ in sides]
    error = float(np.sqrt(sum(variances)))
    half = 0.0
    if error > 0:
        freedom = sum(variances) ** 2 / sum(
            variance**2 / of_side
            for variance, (_, _, of_side) in zip(variances, sides, strict=True)
        )
        half = error * _student(freedom, comparisons)
        half *= _ADAPTIVE_WIDER if is_adaptive else 1.0
    return Ratio(
        float(np.exp(change)), float(np.exp(change - half)), float(np.exp(change + half)), count
    )


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
