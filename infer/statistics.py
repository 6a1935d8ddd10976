"""What a set of rounds says of the ratio of two times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ratio:
    """The ratio of an artifact's time to the reference's.

    Attributes:
        value: the estimate; below 1 is faster than the reference.
        low, high: its confidence interval, corrected for the number of comparisons;
            None where there are too few rounds for one.
        rounds: pairs that stand behind it.
    """

    value: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def verdict(self) -> str:
        """`faster`, `slower`, or that no difference was found and what could have been seen."""
        if self.low is None or self.high is None:
            return "too few rounds to say"
        if self.high < 1:
            return "faster"
        if self.low > 1:
            return "slower"
        return f"no difference found (could have seen {self.resolution:.0%})"

    @property
    def resolution(self) -> float | None:
        """Half the width of the interval as a share: the smallest difference that would show."""
        if self.low is None or self.high is None:
            return None
        return float(np.sqrt(self.high / self.low) - 1)


def paired_ratio(times: list[float], reference: list[float], comparisons: int = 1) -> Ratio:
    """The ratio of two artifacts' times, paired by round.

    The unit is the round, in which each artifact ran in a fresh process: calls of one process
    are no independent samples. The interval is Student's on the mean of the log ratios, at a
    level that Bonferroni's correction takes from the number of comparisons.

    Args:
        times: seconds, one a round.
        reference: seconds of the reference in the same rounds.
        comparisons: how many artifacts are compared with the reference in this run.
    """
    logs = np.log(np.asarray(times)) - np.log(np.asarray(reference))
    count = len(logs)
    mean = float(logs.mean())
    if count < 2:
        return Ratio(float(np.exp(mean)), None, None, count)
    level = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
    half = float(stats.sem(logs) * stats.t.ppf((1 + level) / 2, count - 1))
    low, high = (float(np.exp(mean + sign * half)) for sign in (-1, 1))
    return Ratio(float(np.exp(mean)), low, high, count)
