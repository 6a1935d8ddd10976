"""Verdicts of simulated runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...measure import stopping
from ...records.protocol import UNTIL
from ...stats.call_times import Bursts, Turn, paired_differences
from ...stats.card_simulation import Card, simulate_card
from ...stats.clocks import Clock, undisturbed
from ...stats.processor_simulation import Noise, simulate
from ...stats.ratios import Ratio, ratio_of
from .known_artifacts import ADDED
from .verdicts import FAMILY_TRIAL, TRIALS, MeasuredRatio, Verdicts, family_ratios, verdicts

# Of a simulated burst on a card, where calls are short.
_CARD_CALLS = 20
# Equal artifacts in a simulated family, beside the reference and the slower ones.
_FAMILY_COPIES = 4
# Where a simulated run ends that has not come to its resolution before.
_MOST_GENERATIONS = 40


def simulated_verdicts(
    runs: int,
    seed: int = 0,
    *,
    noise: Noise | None = None,
    card: Card | None = None,
    device: str | None = None,
    resolve: float | None = None,
    generations: int = TRIALS[0],
) -> Verdicts:
    """Count verdicts of made-up runs, each of one pair of copies and one of each slower artifact.

    Args:
        runs: how many.
        seed: of the noise.
        noise: that the measurements have.
        card: that they are made on, instead of a processor with `noise`.
        device: whose rule they are judged by, where it is not that which they are made on.
        resolve: end each comparison as `--resolve` ends a run, instead of after `generations`.
        generations: of a run.
    """
    random = np.random.default_rng(seed)
    noise = noise or Noise()
    made_on = "cuda" if card else "cpu"
    truths = [1.0, *(1 + added for added in ADDED)]
    size = {
        "generations": generations if resolve is None else _MOST_GENERATIONS,
        "turns": UNTIL.bursts,
        "calls": _CARD_CALLS if card else 10,
    }

    def comparisons() -> Iterable[list[MeasuredRatio]]:
        for _ in range(runs):
            clocks: list[dict[Turn, Clock]] = []
            if card:
                bursts, clocks = simulate_card([1.0, *truths], **size, card=card, random=random)
            else:
                bursts = simulate([1.0, *truths], **size, noise=noise, random=random)
            for number, truth in enumerate(truths, 1):
                pair_clocks = {name: clocks[i] for name, i in enumerate((0, number)) if clocks}
                run = _SimulatedRun((bursts[0], bursts[number]), pair_clocks, device or made_on)
                ratio = run.ratio(generations) if resolve is None else run.resolved(resolve)
                yield [MeasuredRatio(ratio, truth)]

    machine = ", two states" if noise.slow else ""
    machine = " card" if card else machine
    machine += f", as on a {device}" if device else ""
    end = f"{generations} generations" if resolve is None else f"until {resolve:.1%}"
    return verdicts(f"simulated{machine}, {end}", comparisons())


def simulated_family_verdicts(
    runs: int,
    seed: int = 0,
    *,
    noise: Noise | None = None,
    generations: int = FAMILY_TRIAL,
    borrows: bool = True,
) -> Verdicts:
    """Count verdicts of made-up runs of several artifacts that are compared with one reference.

    Args:
        runs: how many.
        seed: of the noise.
        noise: that the measurements have.
        generations: of a run.
        borrows: whether intervals are moderated, as those of a run are; else each is based on the
            artifact's own variance.
    """
    random = np.random.default_rng(seed)
    noise = noise or Noise()
    truths = [1.0] * _FAMILY_COPIES + [1 + added for added in ADDED]
    size = {"generations": generations, "turns": UNTIL.bursts, "calls": 10}

    def families() -> Iterable[list[MeasuredRatio]]:
        for _ in range(runs):
            bursts = simulate([1.0, *truths], **size, noise=noise, random=random)
            kept = undisturbed(dict(enumerate(bursts)), "cpu", {})
            differences = {
                number: paired_differences(kept[number], kept[0], "cpu")
                for number in range(1, len(bursts))
            }
            ratios = family_ratios(differences, borrows=borrows)
            yield [MeasuredRatio(ratios[number], truth) for number, truth in enumerate(truths, 1)]

    unlike = ", unequal scatter" if noise.unequal else ""
    own = "" if borrows else ", own variances"
    return verdicts(
        f"simulated, {len(truths) + 1} artifacts{unlike}, {generations} generations{own}",
        families(),
    )


@dataclass(frozen=True)
class _SimulatedRun:
    """A simulated run of two artifacts, and the ratio of the second to the first."""

    pair: tuple[Bursts, Bursts]
    clocks: Mapping[int, Mapping[Turn, Clock]]
    device: str

    def resolved(self, resolve: float) -> Ratio:
        """The ratio where a run with `--resolve` ends."""
        protocol = replace(UNTIL, generations=_MOST_GENERATIONS, resolve=resolve)
        for count in range(stopping.MIN_GENERATIONS_TO_RESOLVE, _MOST_GENERATIONS + 1):
            ratio = self.ratio(count, is_adaptive=True)
            status = stopping.RunStatus(count, 0.0, 0.0, 1, {"compared": ratio.resolution})
            if stopping.resting(protocol, status):
                break
        return ratio

    def ratio(self, generations: int, *, is_adaptive: bool = False) -> Ratio:
        """The ratio after the first generations."""
        run = {
            name: {generation: bursts[generation] for generation in range(generations)}
            for name, bursts in enumerate(self.pair)
        }
        kept = undisturbed(run, self.device, self.clocks)
        return ratio_of(paired_differences(kept[1], kept[0], self.device), is_adaptive=is_adaptive)
