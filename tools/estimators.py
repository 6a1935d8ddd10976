"""Estimators of how much longer one artifact takes than another, judged on what was collected."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from infer.stats.ratios import ratio_of

BATCHES = (1, 128)
TURNS = 6

Burst = dict[str, Any]
# From the bursts of two artifacts in a generation to their difference in log time.
Difference = Callable[[list[Burst], list[Burst]], float]


def by_turn(level: Callable[[np.ndarray], float], over_turns: Callable[[Any], Any]) -> Difference:
    """The difference of the levels of paired bursts, combined over the turns."""
    return lambda mine, theirs: float(
        over_turns(
            [
                np.log(level(np.asarray(a["seconds"])) / level(np.asarray(b["seconds"])))
                for a, b in zip(mine, theirs, strict=True)
            ]
        )
    )


def of_all_calls(share: float) -> Difference:
    """The difference of a quantile of all calls."""

    def level(bursts: list[Burst]) -> float:
        return float(np.quantile(np.log(np.concatenate([b["seconds"] for b in bursts])), share))

    return lambda mine, theirs: level(mine) - level(theirs)


def of_cpu(mine: list[Burst], theirs: list[Burst]) -> float:
    """The difference of the processor time, as a mean over the turns."""
    return float(
        np.mean([np.log(a["cpu_s"] / b["cpu_s"]) for a, b in zip(mine, theirs, strict=True)])
    )


CHOSEN = "10 % quantile of all calls"
ESTIMATES: dict[str, Difference] = {
    CHOSEN: of_all_calls(0.1),
    "5 % quantile of all calls": of_all_calls(0.05),
    "lower quartile of all calls": of_all_calls(0.25),
    "median of all calls": of_all_calls(0.5),
    "minimum of a burst, median of turns": by_turn(np.min, np.median),
    "minimum of a burst, mean of turns": by_turn(np.min, np.mean),
    "median of a burst, median of turns": by_turn(np.median, np.median),
    "median of a burst, mean of turns": by_turn(np.median, np.mean),
    "trimmed mean of a burst, mean of turns": by_turn(
        lambda seconds: stats.trim_mean(seconds, 0.2), np.mean
    ),
    "mean of a burst, mean of turns": by_turn(np.mean, np.mean),
    "processor time, mean of turns": of_cpu,
}


@dataclass(frozen=True)
class Judged:
    """The result of a way to measure, over all pairs of copies and runs."""

    false_alarms: int
    comparisons: int
    half_width: float
    minutes: float

    @property
    def per_minute(self) -> float:
        """The half-width after a minute of measuring, as a share."""
        return self.half_width * self.minutes**0.5


def judge(
    generations: list[dict[str, Any]],
    batch: int,
    *,
    estimate: str = CHOSEN,
    turns: int = TURNS,
    size: int = 6,
) -> Judged:
    """Judge all pairs of copies in runs of consecutive generations.

    Args:
        generations: of one arrangement, in their order.
        batch: samples a call.
        estimate: one of `ESTIMATES`.
        turns: how many of the bursts are used.
        size: generations in a run.
    """
    alarms = comparisons = 0
    widths = []
    bursts = [[copy[str(batch)][:turns] for copy in g["bursts"]] for g in generations]
    copies = len(bursts[0])
    for first in range(0, len(bursts) - size + 1, size):
        run = bursts[first : first + size]
        for a, b in itertools.combinations(range(copies), 2):
            ratio = ratio_of(
                [ESTIMATES[estimate](generation[a], generation[b]) for generation in run]
            )
            assert ratio.low is not None and ratio.high is not None
            alarms += ratio.high < 1 or ratio.low > 1
            comparisons += 1
            widths.append(ratio.resolution)
    burst_s = np.mean([sum(b["seconds"]) for g in bursts for generation in g for b in generation])
    start_s = np.mean([g["start_s"] for g in generations])
    # Of two artifacts: starting both, and their bursts with the untimed call of each.
    calls = generations[0]["calls"][str(batch)]
    minutes = size * 2 * (start_s / copies + turns * burst_s * (1 + 1 / calls)) / 60
    return Judged(alarms, comparisons, float(np.median(widths)), float(minutes))


def rows(generations: list[dict[str, Any]]) -> Iterable[tuple[str, str, int, Judged]]:
    """What is compared: arrangement, way, batch and what it came to."""
    by: dict[str, list[dict[str, Any]]] = {}
    for record in generations:
        by.setdefault(record["arrangement"], []).append(record)
    for batch in BATCHES:
        for arrangement, records in by.items():
            if len(records) < 6:
                continue
            if arrangement != "stopped":
                yield arrangement, CHOSEN, batch, judge(records, batch)
                continue
            for estimate in ESTIMATES:
                yield arrangement, estimate, batch, judge(records, batch, estimate=estimate)
            for turns in (1, 2, 4):
                yield (
                    arrangement,
                    f"{CHOSEN}, turns: {turns}",
                    batch,
                    judge(records, batch, turns=turns),
                )
            for size in (4, 12):
                if len(records) >= size:
                    way = f"{CHOSEN}, generations: {size}"
                    yield arrangement, way, batch, judge(records, batch, size=size)
