"""Simulates how often the intervals of a run are wrong, and how wide they are, setting by setting.

    python tools/interval_simulation.py [--runs N] [--generations N ...] [--markdown FILE]

A run compares 1 to 19 artifacts with a reference. What is simulated is the difference of log times
that a generation gives: how far the processes of each artifact scatter, alike or not, and now and
then a process that is slower than all others, that of the reference included. In each setting
intervals are computed with each artifact's own variance and as those of a run are
(`infer.stats.ratios`). The error is the share of runs in which any interval misses the truth: at
most 5 % is nominal. That of the ranking is the share in which any artifact is called surely slower
than the first, though all are as fast. The results are in docs/measurement.md.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from infer.stats.ratios import Ratio, family_ratios

COMPARED = (1, 2, 3, 6, 14, 19)
GENERATIONS = (2, 3, 4, 5, 6, 10)
# Share of the processes that are slower, and by how many standard deviations.
SLOW, SLOWER_BY = 0.03, 8.0

# From a source of noise and the number of artifacts, the reference first, to how far each scatters.
Scatter = Callable[[np.random.Generator, int], np.ndarray]


def unequal(spread: float) -> Scatter:
    """Scatters that are log-normal."""
    return lambda random, count: np.exp(random.normal(0, spread, count))


def some(share: float, times: float) -> Scatter:
    """Some artifacts scatter more than the others: a share of them, at least one."""

    def scatter(_: np.random.Generator, count: int) -> np.ndarray:
        result = np.ones(count)
        result[1 : 1 + max(1, round(share * (count - 1)))] = times
        return result

    return scatter


def reference(times: float) -> Scatter:
    """The reference scatters more than the others, or less."""
    return lambda _, count: np.concatenate([[times], np.ones(count - 1)])


SCATTERS: dict[str, Scatter] = {
    "alike": unequal(0),
    "unequal, 0.3": unequal(0.3),
    "unequal, 0.8": unequal(0.8),
    "one 20 times": some(0, 20),
    "a quarter 4 times": some(0.25, 4),
    "a quarter 20 times": some(0.25, 20),
    "half 4 times": some(0.5, 4),
    "reference 0.1 times": reference(0.1),
    "reference 3 times": reference(3),
    "reference 20 times": reference(20),
}


@dataclass(frozen=True)
class Setting:
    """What is simulated: artifacts compared with the reference, generations, and the noise."""

    compared: int
    generations: int
    scatter: str
    slow: float


@dataclass(frozen=True)
class Judged:
    """The share of runs in which an interval misses, and the median of half the widths.

    Attributes:
        ranking: share of the runs in which an artifact is called surely slower than the first; None
            where that was not judged.
    """

    error: float
    half_width: float
    ranking: float | None = None


def judge(setting: Setting, runs: int, seed: int = 0) -> tuple[Judged, Judged]:
    """Judge intervals with own variances, and intervals as those of a run, on the same runs."""
    random = np.random.default_rng(seed)
    errors = [0, 0]
    ranking_errors = 0
    widths: list[list[float]] = [[], []]
    for _ in range(runs):
        scatter = SCATTERS[setting.scatter](random, setting.compared + 1)
        shape = (setting.generations, setting.compared + 1)
        times = random.normal(0, scatter, shape)
        times += (random.random(shape) < setting.slow) * SLOWER_BY * scatter.mean()
        # In units of a thousandth, so that a ratio is about 1 and half a width its logarithm.
        differences = (1e-3 * (times[:, 1:] - times[:, :1]).T).tolist()
        for way, ratios in enumerate((_own(differences), _as_in_a_run(differences))):
            errors[way] += any(r.low is None or not r.low <= 1 <= (r.high or 0) for r in ratios)
            widths[way] += [1e3 * (r.resolution or 0) for r in ratios]
        ranking_errors += any((r.low or 0) > 1 for r in _behind_the_first(1e-3 * times))
    own, borrowed = (float(np.median(of_way)) for of_way in widths)
    return (
        Judged(errors[0] / runs, own),
        Judged(errors[1] / runs, borrowed, ranking_errors / runs),
    )


def _own(differences: list[list[float]]) -> list[Ratio]:
    return _as_in_a_run(differences, borrows=False)


def _as_in_a_run(differences: list[list[float]], *, borrows: bool = True) -> list[Ratio]:
    numbered = dict(enumerate(differences))
    return list(family_ratios(numbered, len(numbered), borrows=borrows).values())


def _behind_the_first(times: np.ndarray) -> list[Ratio]:
    """The ratios to the fastest artifact by its mean, as `exportbench run` ranks them."""
    first = int(times.mean(axis=0).argmin())
    others = [place for place in range(times.shape[1]) if place != first]
    differences = {place: (times[:, place] - times[:, first]).tolist() for place in others}
    return list(family_ratios(differences, math.comb(times.shape[1], 2)).values())


def rows(runs: int, generations: tuple[int, ...]) -> Iterator[str]:
    """A line for each number of generations and artifacts: what holds in all settings of it."""
    yield (
        "| generations | compared | error, own | error, run | alike, own | alike, run "
        "| unequal 0.8, own | unequal 0.8, run | ranking |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for count in generations:
        for compared in COMPARED:
            judged = {
                (scatter, slow): judge(Setting(compared, count, scatter, slow), runs)
                for scatter in SCATTERS
                for slow in (0.0, SLOW)
                if not slow or scatter in ("alike", "unequal, 0.8")
            }
            worst = [max((pair[way].error, *key) for key, pair in judged.items()) for way in (0, 1)]
            errors = [
                f"{error:.1%} ({scatter}{', slow' if slow else ''})"
                for error, scatter, slow in worst
            ]
            widths = [
                f"{judged[scatter, 0.0][way].half_width:.1f}"
                for scatter in ("alike", "unequal, 0.8")
                for way in (0, 1)
            ]
            ranking = max((pair[1].ranking or 0.0, *key) for key, pair in judged.items())
            cells = (*errors, *widths, f"{ranking[0]:.1%} ({ranking[1]})")
            yield f"| {count} | {compared} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4000, help="of each setting (default: 4000)")
    parser.add_argument("--generations", type=int, nargs="+", default=list(GENERATIONS))
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    lines = []
    for line in rows(options.runs, tuple(options.generations)):
        print(line, flush=True)
        lines.append(line)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
