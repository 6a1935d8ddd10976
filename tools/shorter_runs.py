"""Takes some generations and turns of a long run, as a shorter one would have had them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from statistics import fmean

import numpy as np

from infer.results.record_index import RecordIndex
from infer.stats.call_times import Bursts, paired_differences
from infer.stats.clocks import undisturbed
from infer.stats.ratios import Ratio, family_ratios

DEVICE = "cpu"
# Half the widths that a quick run should come to on a quiet machine.
AIMS = {1: 0.05}
AIM_OF_BATCHES = 0.06


def ratios_to(reference: str, bursts: Mapping[str, Bursts]) -> dict[str, Ratio]:
    """The ratios of artifacts to one of them, as a run computes them."""
    kept = undisturbed(bursts, DEVICE, {})
    differences = {
        name: paired_differences(mine, kept[reference], DEVICE)
        for name, mine in kept.items()
        if name != reference
    }
    return family_ratios(differences, len(differences))


def resampled(
    index: RecordIndex, workload: str, generations: int, turns: int, calls: int | None, most: int
) -> str | None:
    """A line of a table: half the widths of runs as short as is asked, taken from a long one.

    An interval misses if it does not hold the ratio of the whole run. None where that is shorter.

    Args:
        index: of the run.
        workload: name of the kind of calls.
        generations: of a shorter run: any of the recorded ones.
        turns: of a generation: consecutive ones.
        calls: so many of each burst; None for all.
        most: so many shorter runs, drawn at random, where there are more.
    """
    timed = index.timed(workload)
    references = index.speed_references()
    reference = next(references.get(name, name) for name in timed)
    truth = {
        name: fmean(differences)
        for name, differences in index.differences(workload).items()
        if references.get(name) == reference
    }
    widths, missed, runs = [], 0, 0
    for run in _shorter(timed, generations, turns, calls, most):
        ratios = ratios_to(reference, {name: run[name] for name in (reference, *truth)})
        known = [r.resolution for r in ratios.values() if r.resolution is not None]
        widths += known
        runs += 1
        missed += any(
            r.low is not None and r.high is not None and not r.low <= np.exp(truth[name]) <= r.high
            for name, r in ratios.items()
        )
    if not widths:
        return None
    aim = AIMS.get(index.workloads[workload].batch, AIM_OF_BATCHES)
    met = sum(width <= aim for width in widths) / len(widths)
    quarter, half, most_of = np.quantile(widths, [0.25, 0.5, 0.9])
    return (
        f"| {generations} | {turns} | {calls or 'all'} | {runs} | ± {half:.1%} "
        f"| {quarter:.1%} to {most_of:.1%} | {met:.0%} | {missed / runs:.1%} |"
    )


def _shorter(
    timed: Mapping[str, Bursts], generations: int, turns: int, calls: int | None, most: int
) -> Iterator[dict[str, Bursts]]:
    every = sorted(set.intersection(*(set(bursts) for bursts in timed.values())))
    count = min((len(bursts[g]) for bursts in timed.values() for g in every), default=0)
    starts = range(0, count - turns + 1, max(turns // 2, 1))
    chosen = list(itertools.product(itertools.combinations(every, generations), starts))
    random.Random(0).shuffle(chosen)
    for of_run, start in chosen[:most]:
        yield {
            name: {
                g: {t: bursts[g][t][:calls] for t in sorted(bursts[g])[start : start + turns]}
                for g in of_run
            }
            for name, bursts in timed.items()
        }
