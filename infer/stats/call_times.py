"""The time of an undisturbed call, and how it differs between two artifacts, by generation."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

# The quantile of an artifact's calls in a generation that gives an undisturbed call, by device.
# Other programs make calls slower and never faster, so a low quantile ignores them on a processor.
# A card's clock makes some calls faster, too, when the card has idled or its power is not limited
# yet: a low quantile would be that of a lucky clock, while the median is that of the usual clock.
# docs/measurement.md has the simulations.
UNDISTURBED = {"cpu": 0.1, "cuda": 0.5}
# The share of a burst's calls that come before the clock of the device has settled.
_SETTLING = {"cpu": 0.0, "cuda": 0.5}

Key = TypeVar("Key", bound=Hashable)
# Seconds of every call, by generation and burst.
Bursts = Mapping[int, Mapping[int, Sequence[float]]]
# The number of a generation in its run, and of a turn in the generation.
Turn = tuple[int, int]


def log_call_time(bursts: Iterable[Sequence[float]], device: str) -> float:
    """The logarithm of the time of an undisturbed call, in log seconds.

    Args:
        bursts: seconds of the calls of each burst.
        device: "cpu" or "cuda": on the latter it is the median of the calls in the second half of
            each burst, on the former the tenth percentile of all.
    """
    return log_call_times({0: bursts}, device)[0]


def log_call_times(
    bursts: Mapping[Key, Iterable[Sequence[float]]], device: str
) -> dict[Key, float]:
    """Compute `log_call_time` of each; together where the number of calls is equal, for speed."""
    alike: dict[int, dict[Key, list[float]]] = {}
    for key, bursts_of_key in bursts.items():
        seconds = [
            s for burst in bursts_of_key for s in burst[int(_SETTLING[device] * len(burst)) :]
        ]
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


def paired_differences(mine: Bursts, theirs: Bursts, device: str) -> list[float]:
    """Compute the difference of two artifacts in log time, one value for each generation.

    In a generation both took the same turns within a minute, so that drift of the machine
    cancels; turns that only one of them has are left out.

    Args:
        mine, theirs: the bursts of each artifact.
        device: device that they ran on.
    """
    both = {g: sorted(mine[g].keys() & theirs[g].keys()) for g in mine.keys() & theirs.keys()}
    my_times, their_times = (
        log_call_times(
            {g: [side[g][t] for t in turns] for g, turns in both.items() if turns}, device
        )
        for side in (mine, theirs)
    )
    return [my_times[g] - their_times[g] for g in sorted(my_times)]
