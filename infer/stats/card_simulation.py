"""A simulated card whose true ratios are known: how often the statistics are wrong as clocks move.

A card's clock is highest when it has idled: it falls as the card warms up, and where an artifact
draws more than the card's power, a little after each burst has begun. At times the card throttles.
The share of its time that follows the clock depends on the artifact: arithmetic does, waiting for
memory or for the launch of a kernel does not. The true ratio is that at the artifacts' usual
clocks: in the middle turn of a generation, at the power limit, not throttled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .call_times import Bursts, Turn
from .clocks import Clock
from .simulated_bursts import as_bursts, disturbances, spells

_USUAL_MHZ = 1700.0
_STEP_MHZ = 15.0
# Time constant of the card's warming up, in turns.
_WARM_TURNS = 1.0


@dataclass(frozen=True)
class Card:
    """What a simulated card does: standard deviations and shifts in log time or log clock, shares.

    Attributes:
        process: deviation between processes of one artifact.
        call: average delay of a call.
        disturbed: share of the bursts that something on the host slows down.
        disturbed_factor: factor by which these are slower, at most.
        step: deviation of the clock between bursts.
        boost: how far the clock is above that of a warm card when a generation begins.
        uncapped: share of a burst that passes before the power is limited.
        cap: how far an artifact that draws too much power is above its usual clock until then.
        throttled: share of the turns in which the card throttles, in spells of several turns.
        throttle: how far the clock falls when the card throttles.
        reports_throttling: whether NVML reports the throttling.
    """

    process: float = 0.01
    call: float = 0.02
    disturbed: float = 0.03
    disturbed_factor: float = 2.0
    step: float = 0.01
    boost: float = 0.04
    uncapped: float = 0.2
    cap: float = 0.10
    throttled: float = 0.1
    throttle: float = 0.3
    reports_throttling: bool = True


def simulate_card(
    ratios: list[float],
    *,
    generations: int,
    turns: int,
    calls: int,
    card: Card,
    random: np.random.Generator,
) -> tuple[list[Bursts], list[dict[Turn, Clock]]]:
    """Simulate bursts of artifacts with given true ratios, and what NVML reports for each burst.

    The first artifact is all arithmetic and draws too much power. The others follow the clock by
    half and draw less, so that nothing that the card does cancels between them and the first.

    Args:
        ratios: true time of each artifact, at its usual clock.
        generations: number of sets of processes.
        turns: number of bursts in each generation.
        calls: number of calls in each burst.
        card: the simulated card.
        random: source of the noise.
    """
    count = len(ratios)
    follows = np.where(np.arange(count) == 0, 1.0, 0.5)
    hot = np.arange(count) == 0
    shape = (generations, turns, count)
    # In a turn the artifacts come in random order, and each finds the card warmer.
    place = random.permuted(np.broadcast_to(np.arange(count), shape), axis=-1)
    warmth = (np.arange(turns)[None, :, None] + place / count) / _WARM_TURNS
    usual = np.exp(-turns / 2 / _WARM_TURNS)
    throttled = spells(generations * turns, card.throttled, random).reshape(generations, turns, 1)
    throttled = np.broadcast_to(throttled, shape)
    clock = (
        card.boost * (np.exp(-warmth) - usual)
        + random.normal(0, card.step, shape)
        - card.throttle * throttled
    )
    early = card.cap * (np.arange(calls) < card.uncapped * calls) * hot[:, None]
    log_time = (
        np.log(ratios)
        + random.normal(0, card.process, (generations, 1, count))
        + disturbances(shape, card.disturbed, card.disturbed_factor, random)
    )
    late = random.exponential(card.call, (*shape, calls))
    seconds = np.exp(log_time[..., None] - follows[:, None] * (clock[..., None] + early) + late)
    mhz = np.round(_USUAL_MHZ * np.exp(clock) / _STEP_MHZ) * _STEP_MHZ
    clocks = [
        {
            (g, t): Clock(float(mhz[g, t, a]), ("sw_thermal",) if throttled[g, t, a] else ())
            if card.reports_throttling
            else Clock(None, None)
            for g in range(generations)
            for t in range(turns)
        }
        for a in range(count)
    ]
    return as_bursts(seconds), clocks
