"""What a run says of the ratio of two times.

The unit is the generation: a set of fresh processes that were alive together. Calls of one
process are no independent samples of how fast an artifact is, since processes of the same
artifact differ by more than their calls do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy import stats

CONFIDENCE = 0.95

# Seconds of every call of each burst: of the generations, of their bursts.
Bursts = Mapping[int, Mapping[int, Sequence[float]]]


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
    def verdict(self) -> str:
        """`faster`, `slower`, or that no difference was found, with what could have been seen."""
        if self.low is None or self.high is None or self.resolution is None:
            return "too few generations to say"
        word = "faster" if self.high < 1 else "slower" if self.low > 1 else "no difference found"
        return f"{word} (could have seen {_percent(self.resolution)})"

    @property
    def resolution(self) -> float | None:
        """Half the width of the interval as a share: the smallest difference that would show."""
        if self.low is None or self.high is None:
            return None
        return float(np.sqrt(self.high / self.low) - 1)


def burst_level(seconds: Sequence[float]) -> float:
    """The logarithm of a burst's time for a call: of the median, in log seconds."""
    return math.log(median(seconds))


def paired_differences(mine: Bursts, theirs: Bursts) -> list[float]:
    """The difference of two artifacts in log time, one a generation.

    Bursts are paired with the burst of the same turn, which ran within a second or so, so that
    drift of the machine cancels; a generation's difference is the median over its turns, which a
    disturbed burst hardly moves.
    """
    differences = []
    for generation in sorted(mine.keys() & theirs.keys()):
        own, other = mine[generation], theirs[generation]
        turns = sorted(own.keys() & other.keys())
        if turns:
            differences.append(
                float(np.median([burst_level(own[t]) - burst_level(other[t]) for t in turns]))
            )
    return differences


def ratio_of(differences: Sequence[float], comparisons: int = 1) -> Ratio:
    """The ratio behind differences in log time.

    The interval is Student's on their mean, at a level that Bonferroni's correction takes from
    the number of comparisons.

    Args:
        differences: of log seconds, one a generation, at least one.
        comparisons: how many artifacts are compared with the reference in this run.
    """
    logs = np.asarray(differences)
    count = len(logs)
    mean = float(logs.mean())
    if count < 2:
        return Ratio(float(np.exp(mean)), None, None, count)
    level = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
    half = float(stats.sem(logs) * stats.t.ppf((1 + level) / 2, count - 1))
    return Ratio(float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half)), count)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
