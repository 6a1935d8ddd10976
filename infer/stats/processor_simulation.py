"""Simulated measurements whose true ratios are known: how often the statistics are wrong.

A time is the product of the artifact's true time and of what disturbs it on a real machine: the
process (each is a little faster or slower for as long as it lives), drift that all share, the turn,
the single call, and now and then something else on the machine that makes a burst several times
slower. The sizes are of the kind that docs/measurement.md found on a shared machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .call_times import Bursts
from .simulated_bursts import as_bursts, disturbances, spells


@dataclass(frozen=True)
class Noise:
    """Standard deviations in log time, and how often a burst is disturbed.

    Attributes:
        process: deviation between processes of one artifact.
        unequal: deviation, in log, of that of one artifact from that of another.
        drift: step of the machine's random walk from one turn to the next.
        turn: deviation between turns of one process.
        call: deviation between calls of one burst.
        disturbed: share of the bursts that something slows down.
        disturbed_factor: factor by which these are slower, at most.
        slow: share of the turns in which the machine is a fifth slower, in spells of some turns:
            for an artifact of ratio 1, and the more so the longer its calls take.
        odd: share of the processes that are a seventh slower for as long as they live.
    """

    process: float = 0.05
    unequal: float = 0.0
    drift: float = 0.02
    turn: float = 0.02
    call: float = 0.05
    disturbed: float = 0.03
    disturbed_factor: float = 4.0
    slow: float = 0.0
    odd: float = 0.0


# A machine with two states, like the one in docs/measurement.md.
SPELLS = Noise(process=0.01, drift=0.005, turn=0.01, call=0.03, slow=0.3, odd=0.03)
_SLOWER, _ODD_BY = 1.2, 1 + 1 / 7
# An artifact of ratio 1.1 is slower by a fifth twice over, as some are in docs/measurement.md.
_MORE_SLOWER = 10


def simulate(
    ratios: list[float],
    *,
    generations: int,
    turns: int,
    calls: int,
    noise: Noise,
    random: np.random.Generator,
) -> list[Bursts]:
    """Simulate bursts of artifacts with given true ratios.

    Args:
        ratios: true time of each artifact, on a machine that nothing slows down.
        generations: number of sets of processes.
        turns: number of bursts in each generation.
        calls: number of calls in each burst.
        noise: what disturbs the calls.
        random: source of the noise.
    """
    count = len(ratios)
    process = noise.process * np.exp(noise.unequal * random.normal(size=count))
    drift = np.cumsum(random.normal(0, noise.drift, (generations, turns, 1)).reshape(-1))
    log_time = (
        np.log(np.asarray(ratios))[None, None, :]
        + random.normal(0, process, (generations, 1, count))
        + drift.reshape(generations, turns, 1)
        + random.normal(0, noise.turn, (generations, turns, count))
    )
    if noise.slow:
        minds = 1 + _MORE_SLOWER * (np.asarray(ratios) - 1)
        slow = spells(generations * turns, noise.slow, random).reshape(generations, turns, 1)
        log_time += np.log(_SLOWER) * slow * minds
    if noise.odd:
        log_time += np.log(_ODD_BY) * (random.random((generations, 1, count)) < noise.odd)
    shape = (generations, turns, count)
    log_time += disturbances(shape, noise.disturbed, noise.disturbed_factor, random)
    # Calls are skewed: they can be late, hardly early.
    late = random.exponential(noise.call, (generations, turns, count, calls))
    seconds = np.exp(log_time[..., None] + late)
    return as_bursts(seconds)
