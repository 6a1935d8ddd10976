"""What the simulations of a processor and of a card share: disturbed bursts, spells of turns."""

from __future__ import annotations

import numpy as np

from .call_times import Bursts

_SPELL_TURNS = 6


def disturbances(
    shape: tuple[int, ...], share: float, factor: float, random: np.random.Generator
) -> np.ndarray:
    """Log times that something else on the machine adds to bursts; 0 for most of them.

    Args:
        shape: of the bursts.
        share: share of the bursts that are disturbed.
        factor: factor by which these are slower, at most.
        random: source of the noise.
    """
    is_disturbed = random.random(shape) < share
    return is_disturbed * np.log(random.uniform(1, factor, shape))


def as_bursts(seconds: np.ndarray) -> list[Bursts]:
    """Convert seconds by generation, turn, artifact and call to the bursts of each artifact."""
    generations, turns, artifacts, _ = seconds.shape
    return [
        {g: {t: seconds[g, t, a].tolist() for t in range(turns)} for g in range(generations)}
        for a in range(artifacts)
    ]


def spells(turns: int, share: float, random: np.random.Generator) -> np.ndarray:
    """Choose the turns in which the machine is slow: spells of `_SPELL_TURNS` turns on average."""
    ends = 1 / _SPELL_TURNS
    begins = ends * share / (1 - share)
    slow = np.zeros(turns, bool)
    now = random.random() < share
    for turn in range(turns):
        slow[turn] = now
        now = random.random() >= ends if now else random.random() < begins
    return slow
