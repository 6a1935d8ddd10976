"""What a run says of the ratio of two times.

The unit is the generation: a set of fresh processes that were alive together. Calls of one
process are no independent samples of how fast an artifact is, since processes of the same
artifact differ by more than their calls do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low
from typing import TypeVar

import numpy as np
import scipy

CONFIDENCE = 0.95
# Which of an artifact's calls in a generation stands for an undisturbed one, by device: a quantile.
# What else runs on a machine makes calls slower and never faster, so that on a processor a low one
# passes over it. The clock of a card makes some calls faster, too, when it has idled or its power
# is not limited yet: a low quantile would be that of a lucky clock, and the median is that of the
# usual one. docs/measurement.md has the simulations.
UNDISTURBED = {"cpu": 0.1, "cuda": 0.5}
# The share of a burst's calls that come before the clock of the device has settled.
_SETTLING = {"cpu": 0.0, "cuda": 0.5}
# A run that ends when its intervals are narrow ends where they happen to be. 93 to 95 % of them
# held the truth in 20,000 simulated runs, and with this factor 95.4 to 96.5 %.
_ADAPTIVE_WIDER = 1.1
# `machine_drift` that is worth a word: it came to 0.04 in a quiet hour, and to 0.12 and more in
# busy ones, when ratios lay outside of the quiet hour's intervals.
NOTICEABLE_DRIFT = 0.08

# Of ten generations or more so large a share is left out at either end, before they are averaged:
# now and then one process of an artifact is slower than all others for as long as it lives.
_TRIMMED = 0.1
# Their intervals would miss the mean of normal values in 5.3 to 5.8 % of 12,000 simulated runs of
# 10 to 20 generations, and with this factor in 4.3 to 5.0 %.
_TRIMMED_WIDER = 1.05
# A shared machine may be slower for minutes, and more so for some artifacts than for others (15 to
# 30 % in docs/measurement.md). So much longer, in log time, are turns in such minutes.
DISTURBED = 0.08
# Runs of fewer generations, and such as would lose more than half of theirs, keep all.
_LEAST_GENERATIONS = 10
_MOST_LEFT_OUT = 1 / 2
_LEAST_TURNS = 2

Name = TypeVar("Name", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
# Seconds of every call of each burst: of the generations, of their bursts.
Bursts = Mapping[int, Mapping[int, Sequence[float]]]
# Of a run: the number of the generation, and of the turn in it.
Turn = tuple[int, int]


class Direction(StrEnum):
    """Which of two artifacts is ahead."""

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


def log_call_time(bursts: Iterable[Sequence[float]], device: str) -> float:
    """The logarithm of the time of an undisturbed call, in log seconds.

    Args:
        bursts: seconds of the calls of each.
        device: "cpu" or "cuda": on the latter it is the median of the calls in the second half of
            each burst, on the former the tenth percentile of all.
    """
    return _log_call_times({0: bursts}, device)[0]


def machine_drift(bursts: Iterable[Bursts], device: str) -> float:
    """How much longer undisturbed calls took in the slowest generation than in the fastest.

    Args:
        bursts: of each artifact; those of one generation say nothing.
        device: that they ran on.

    Returns:
        The median over the artifacts, as a share: what differs between processes of one of them
        does not count, what the machine does to all of them does.
    """
    spreads = []
    for own in bursts:
        log_times = [log_call_time(turns.values(), device) for turns in own.values()]
        if len(log_times) > 1:
            spreads.append(max(log_times) - min(log_times))
    return float(np.exp(np.median(spreads)) - 1) if spreads else 0.0


def drop_disturbed_turns(bursts: Mapping[Name, Bursts], device: str) -> dict[Name, Bursts]:
    """Leave out the turns in which the machine was slower for most artifacts at once.

    Args:
        bursts: of every artifact of a run, of calls of one kind.
        device: that they ran on.

    Returns:
        The same where nothing was disturbed, or too much to leave it out.
    """
    shifts: dict[Turn, list[float]] = {}
    for own in bursts.values():
        log_times = _log_call_times(
            {(g, t): [s] for g, turns in own.items() for t, s in turns.items()}, device
        )
        usual = np.quantile(list(log_times.values()), 0.25) if log_times else 0.0
        for turn, value in log_times.items():
            shifts.setdefault(turn, []).append(value - usual)
    disturbed = {turn for turn, own in shifts.items() if median_low(own) > DISTURBED}
    if len({generation for generation, _ in shifts}) < _LEAST_GENERATIONS:
        return dict(bursts)
    return drop_turns(bursts, disturbed) or dict(bursts)


def drop_turns(bursts: Mapping[Name, Bursts], turns: Collection[Turn]) -> dict[Name, Bursts] | None:
    """Leave turns out for all artifacts alike, so that none is favoured.

    A generation that has only one other turn is left out as a whole.

    Returns:
        What is left; None where this would cost over half of the generations.
    """
    every = turns_of(bursts)
    all_turns = Counter(generation for generation, _ in every)
    lost = Counter(generation for generation, _ in every.intersection(turns))
    gone = {g for g, count in all_turns.items() if count - lost[g] < min(count, _LEAST_TURNS)}
    if len(gone) > _MOST_LEFT_OUT * len(all_turns):
        return None
    return {
        name: {
            g: {t: s for t, s in known.items() if (g, t) not in turns}
            for g, known in own.items()
            if g not in gone
        }
        for name, own in bursts.items()
    }


def turns_of(bursts: Mapping[Name, Bursts]) -> set[Turn]:
    """The turns that any artifact has."""
    return {(g, t) for own in bursts.values() for g, turns in own.items() for t in turns}


def paired_differences(mine: Bursts, theirs: Bursts, device: str) -> list[float]:
    """The difference of two artifacts in log time, one a generation.

    In a generation both took the same turns within a minute, so that drift of the machine
    cancels; turns that only one of them has are left out.

    Args:
        mine, theirs: the bursts of each.
        device: that they ran on.
    """
    both = {g: sorted(mine[g].keys() & theirs[g].keys()) for g in mine.keys() & theirs.keys()}
    own, other = (
        _log_call_times(
            {g: [side[g][t] for t in turns] for g, turns in both.items() if turns}, device
        )
        for side in (mine, theirs)
    )
    return [own[g] - other[g] for g in sorted(own)]


def _log_call_times(
    bursts: Mapping[Key, Iterable[Sequence[float]]], device: str
) -> dict[Key, float]:
    """`log_call_time` of each; in one go for those of the same number of calls, for speed."""
    alike: dict[int, dict[Key, list[float]]] = {}
    for key, own in bursts.items():
        seconds = [s for burst in own for s in burst[int(_SETTLING[device] * len(burst)) :]]
        alike.setdefault(len(seconds), {})[key] = seconds
    return {
        key: float(value)
        for group in alike.values()
        for key, value in zip(
            group,
            np.quantile(np.log(list(group.values())), UNDISTURBED[device], axis=-1),
            strict=True,
        )
    }


def ratio_of(
    differences: Sequence[float], comparisons: int = 1, *, is_adaptive: bool = False
) -> Ratio:
    """The ratio behind differences in log time.

    The estimate is the trimmed mean, the interval that of Tukey and McLaughlin (1963): of less than
    ten differences the mean and Student's. The level is what Bonferroni's correction makes of the
    number of comparisons.

    Args:
        differences: of log seconds, one a generation, at least one.
        comparisons: how many artifacts are compared with the reference in this run.
        is_adaptive: the measuring went on until the interval was narrow (`--resolve`).
    """
    count = len(differences)
    centre, error, freedom = _trimmed(differences)
    if count < 2:
        return Ratio(float(np.exp(centre)), None, None, count)
    confidence = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
    half = error * float(scipy.special.stdtrit(freedom, (1 + confidence) / 2))
    half *= _ADAPTIVE_WIDER if is_adaptive else 1.0
    return Ratio(
        float(np.exp(centre)), float(np.exp(centre - half)), float(np.exp(centre + half)), count
    )


def _trimmed(values: Sequence[float]) -> tuple[float, float, int]:
    """The trimmed mean, its standard error and the degrees of freedom of that."""
    ordered = np.sort(values)
    count = len(ordered)
    cut = int(_TRIMMED * count)
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
    """By what factor a ratio changed from one run to another.

    The interval is Welch's, as Yuen (1974) has it for trimmed means, since the generations of two
    runs have nothing in common and may scatter differently; it is corrected as that of `ratio_of`.

    Args:
        before, after: differences in log time to the same reference, one a generation, at least
            one in each.
        comparisons: how many such changes are looked at.
        is_adaptive: one of the runs went on until its intervals were narrow.
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
            variance**2 / own for variance, (_, _, own) in zip(variances, sides, strict=True)
        )
        confidence = 1 - (1 - CONFIDENCE) / max(comparisons, 1)
        half = error * float(scipy.special.stdtrit(freedom, (1 + confidence) / 2))
        half *= _ADAPTIVE_WIDER if is_adaptive else 1.0
    return Ratio(
        float(np.exp(change)), float(np.exp(change - half)), float(np.exp(change + half)), count
    )


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
