"""What a run says of the ratio of two times.

The unit is the generation: a set of fresh processes that were alive together. Calls of one
process are no independent samples of how fast an artifact is, since processes of the same
artifact differ by more than their calls do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
UNDISTURBED = 0.1
# A run that ends when its intervals are narrow ends where they happen to be. 93 to 95 % of them
# held the truth in 20,000 simulated runs, and with this factor 95.4 to 96.5 %.
_SOUGHT_WIDER = 1.1
# `unrest` that is worth a word: it came to 0.04 in a quiet hour, and to 0.12 and more in busy ones,
# when ratios lay outside of the quiet hour's intervals.
UNREST = 0.08

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


def level(seconds: Sequence[float]) -> float:
    """The logarithm of the time of an undisturbed call, in log seconds.

    It is the tenth percentile of the calls: what else runs on the machine makes calls slower and
    never faster, and does so to some artifacts more than to others.
    """
    return float(np.quantile(np.log(seconds), UNDISTURBED))


def unrest(bursts: Iterable[Bursts]) -> float:
    """How much longer undisturbed calls took in the slowest generation than in the fastest.

    Args:
        bursts: of each artifact; those of one generation say nothing.

    Returns:
        The median over the artifacts, as a share: what differs between processes of one of them
        does not count, what the machine does to all of them does.
    """
    spreads = []
    for own in bursts:
        levels = [level([s for turn in turns.values() for s in turn]) for turns in own.values()]
        if len(levels) > 1:
            spreads.append(max(levels) - min(levels))
    return float(np.exp(np.median(spreads)) - 1) if spreads else 0.0


def paired_differences(mine: Bursts, theirs: Bursts) -> list[float]:
    """The difference of two artifacts in log time, one a generation.

    In a generation both took the same turns within a minute, so that drift of the machine
    cancels; turns that only one of them has are left out.
    """
    differences = []
    for generation in sorted(mine.keys() & theirs.keys()):
        own, other = mine[generation], theirs[generation]
        turns = sorted(own.keys() & other.keys())
        if turns:
            differences.append(
                level([s for t in turns for s in own[t]])
                - level([s for t in turns for s in other[t]])
            )
    return differences


def ratio_of(differences: Sequence[float], comparisons: int = 1, *, sought: bool = False) -> Ratio:
    """The ratio behind differences in log time.

    The interval is Student's on their mean, at a level that Bonferroni's correction takes from
    the number of comparisons.

    Args:
        differences: of log seconds, one a generation, at least one.
        comparisons: how many artifacts are compared with the reference in this run.
        sought: the measuring went on until the interval was narrow (`--resolve`).
    """
    logs = np.asarray(differences)
    count = len(logs)
    mean = float(logs.mean())
    if count < 2:
        return Ratio(float(np.exp(mean)), None, None, count)
    level = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
    half = float(stats.sem(logs) * stats.t.ppf((1 + level) / 2, count - 1))
    half *= _SOUGHT_WIDER if sought else 1.0
    return Ratio(float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half)), count)


def change_of(
    before: Sequence[float], after: Sequence[float], comparisons: int = 1, *, sought: bool = False
) -> Ratio:
    """By what factor a ratio changed from one run to another.

    The interval is Welch's, since the generations of two runs have nothing in common and may
    scatter differently; it is corrected as that of `ratio_of`.

    Args:
        before, after: differences in log time to the same reference, one a generation, at least
            one in each.
        comparisons: how many such changes are looked at.
        sought: one of the runs went on until its intervals were narrow.
    """
    a, b = np.asarray(before), np.asarray(after)
    change = float(b.mean() - a.mean())
    count = min(len(a), len(b))
    if count < 2:
        return Ratio(float(np.exp(change)), None, None, count)
    variances = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = float(np.sqrt(sum(variances)))
    half = 0.0
    if error > 0:
        freedom = sum(variances) ** 2 / sum(
            variance**2 / (len(side) - 1) for variance, side in zip(variances, (a, b), strict=True)
        )
        level = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
        half = error * float(stats.t.ppf((1 + level) / 2, freedom))
        half *= _SOUGHT_WIDER if sought else 1.0
    return Ratio(
        float(np.exp(change)), float(np.exp(change - half)), float(np.exp(change + half)), count
    )


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
