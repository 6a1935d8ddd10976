"""Turns in which the machine was slower than usual, and how much it drifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from statistics import median_low
from typing import TypeVar

import numpy as np

from .call_times import Bursts, Turn, log_call_time, log_call_times

# `machine_drift` above which the reader is warned: it was 0.04 in a quiet hour, and 0.12 and more
# in busy hours, when ratios lay outside the quiet hour's intervals.
NOTICEABLE_DRIFT = 0.08
# A shared machine may be slower for minutes, and more so for some artifacts than for others (15 to
# 30 % in docs/measurement.md). So much longer, in log time, are turns in such minutes.
DISTURBED = 0.08
# A run that would lose more than half of its generations keeps all turns.
_MOST_LEFT_OUT = 1 / 2
# Runs with fewer generations keep all turns unless they have these, of which at most a share is
# slow: none of three generations can be spared, and where many of few turns are slow, what is usual
# is not known. Without that share intervals of recorded calls missed in 6 to 11 % of the runs.
_ENOUGH_GENERATIONS = 10
_LEAST_GENERATIONS = 4
_LEAST_TURNS_IN_ALL = 16
_MOST_SLOW = 1 / 3
_LEAST_TURNS = 2

Name = TypeVar("Name", bound=Hashable)


def machine_drift(bursts: Iterable[Bursts], device: str) -> float:
    """Compute how much longer undisturbed calls took in the slowest generation than in the fastest.

    Args:
        bursts: bursts of each artifact; a single generation says nothing.
        device: device that they ran on.

    Returns:
        The median over the artifacts, as a share: what the machine does to all artifacts counts,
        differences between the processes of one artifact do not.
    """
    spreads = []
    for generations in bursts:
        log_times = [log_call_time(turns.values(), device) for turns in generations.values()]
        if len(log_times) > 1:
            spreads.append(max(log_times) - min(log_times))
    return float(np.exp(np.median(spreads)) - 1) if spreads else 0.0


def drop_disturbed_turns(bursts: Mapping[Name, Bursts], device: str) -> dict[Name, Bursts]:
    """Leave out the turns in which the machine was slower for most artifacts at once.

    Args:
        bursts: bursts of calls of one kind, of every artifact of a run.
        device: device that they ran on.

    Returns:
        The remaining bursts; all of them if nothing was disturbed, or too much to be left out.
    """
    shifts: dict[Turn, list[float]] = {}
    for by_generation in bursts.values():
        log_times = log_call_times(
            {(g, t): [s] for g, turns in by_generation.items() for t, s in turns.items()}, device
        )
        usual = np.quantile(list(log_times.values()), 0.25) if log_times else 0.0
        for turn, value in log_times.items():
            shifts.setdefault(turn, []).append(value - usual)
    disturbed = {turn for turn, values in shifts.items() if median_low(values) > DISTURBED}
    generations = len({generation for generation, _ in shifts})
    if generations < _ENOUGH_GENERATIONS and (
        generations < _LEAST_GENERATIONS
        or len(shifts) < _LEAST_TURNS_IN_ALL
        or len(disturbed) > _MOST_SLOW * len(shifts)
    ):
        return dict(bursts)
    return drop_turns(bursts, disturbed) or dict(bursts)


def drop_turns(bursts: Mapping[Name, Bursts], turns: Collection[Turn]) -> dict[Name, Bursts] | None:
    """Leave turns out for all artifacts alike, so that none is favoured.

    A generation that has only one other turn is left out as a whole, and one of which an artifact
    that ended within it has no other turn, for this one.

    Returns:
        The remaining bursts; None if this would cost more than half of the generations.
    """
    every = turns_of(bursts)
    all_turns = Counter(generation for generation, _ in every)
    lost = Counter(generation for generation, _ in every.intersection(turns))
    gone = {g for g, count in all_turns.items() if count - lost[g] < min(count, _LEAST_TURNS)}
    if len(gone) > _MOST_LEFT_OUT * len(all_turns):
        return None
    return {
        name: {
            g: left
            for g, by_turn in by_generation.items()
            if g not in gone and (left := {t: s for t, s in by_turn.items() if (g, t) not in turns})
        }
        for name, by_generation in bursts.items()
    }


def turns_of(bursts: Mapping[Name, Bursts]) -> set[Turn]:
    """The turns that any artifact has."""
    return {
        (g, t)
        for by_generation in bursts.values()
        for g, turns in by_generation.items()
        for t in turns
    }
