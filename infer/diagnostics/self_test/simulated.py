"""Verdicts of simulated runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...measure import stopping
from ...records.protocol import UNTIL
from ...results.queries import Resolution
from ...stats.call_times import Bursts, Turn, paired_differences
from ...stats.card_simulation import Card, simulate_card
from ...stats.clocks import Clock, undisturbed
from ...stats.processor_simulation import Noise, simulate
from ...stats.ratios import Ratio, family_ratios
from .known_artifacts import ADDED
from .verdicts import FAMILY_TRIAL, TRIALS, MeasuredRatio, Verdicts, verdicts

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
                pair = (0, number)
                run = _SimulatedRun(
                    {name: bursts[name] for name in pair},
                    {name: clocks[name] for name in pair if clocks},
                    device or made_on,
                )
                ratios = run.after(generations) if resolve is None else run.resolved(resolve)
                yield [MeasuredRatio(ratios[number], truth)]

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
    resolve: float | None = None,
    generations: int = FAMILY_TRIAL,
    borrows: bool = True,
) -> Verdicts:
    """Count verdicts of made-up runs of several artifacts that are compared with one reference.

    Args:
        runs: how many.
        seed: of the noise.
        noise: that the measurements have.
        resolve: end the run as `--resolve` does, instead of after `generations`; artifacts whose
            intervals are as narrow rest before.
        generations: of a run.
        borrows: whether intervals are moderated, as those of a run are; else each is based on the
            artifact's own variance.
    """
    random = np.random.default_rng(seed)
    noise = noise or Noise()
    truths = [1.0] * _FAMILY_COPIES + [1 + added for added in ADDED]
    size = {
        "generations": generations if resolve is None else _MOST_GENERATIONS,
        "turns": UNTIL.bursts,
        "calls": 10,
    }

    def families() -> Iterable[list[MeasuredRatio]]:
        for _ in range(runs):
            bursts = simulate([1.0, *truths], **size, noise=noise, random=random)
            run = _SimulatedRun(dict(enumerate(bursts)), {}, "cpu")
            if resolve is None:
                ratios = run.after(generations, borrows=borrows)
            else:
                ratios = run.resolved(resolve)
            yield [MeasuredRatio(ratios[number], truth) for number, truth in enumerate(truths, 1)]

    unlike = ", unequal scatter" if noise.unequal else ""
    end = f"{generations} generations" if resolve is None else f"until {resolve:.1%}"
    own = "" if borrows else ", own variances"
    return verdicts(f"simulated, {len(truths) + 1} artifacts{unlike}, {end}{own}", families())


@dataclass(frozen=True)
class _SimulatedRun:
    """A simulated run, and the ratios of its artifacts to the first.

    Attributes:
        bursts: of each artifact, by its number; that of the reference is 0.
        clocks: of the card, of the same bursts.
        device: whose rule they are judged by.
    """

    bursts: Mapping[int, Bursts]
    clocks: Mapping[int, Mapping[Turn, Clock]]
    device: str

    def after(self, generations: int, *, borrows: bool = True) -> dict[int, Ratio]:
        """The ratios after the first generations."""
        return self._ratios(dict.fromkeys(self.bursts, range(generations)), borrows=borrows)

    def resolved(self, resolve: float) -> dict[int, Ratio]:
        """The ratios where a run with `--resolve` ends."""
        protocol = replace(UNTIL, generations=_MOST_GENERATIONS, resolve=resolve)
        count = stopping.MIN_GENERATIONS_TO_RESOLVE
        measured = {name: list(range(count)) for name in self.bursts}
        while True:
            ratios = self._ratios(measured, is_adaptive=True)
            resolutions = {
                str(name): Resolution(ratio.resolution, ratio.generations)
                for name, ratio in ratios.items()
            }
            status = stopping.RunStatus(count, 0.0, 0.0, len(ratios), resolutions)
            if stopping.stop_reason(protocol, status):
                return ratios
            resting = stopping.resting(protocol, status)
            for name, generations in measured.items():
                if str(name) not in resting:
                    generations.append(count)
            count += 1

    def _ratios(
        self,
        measured: Mapping[int, Sequence[int]],
        *,
        borrows: bool = True,
        is_adaptive: bool = False,
    ) -> dict[int, Ratio]:
        """The ratios from the generations in which each artifact was measured."""
        run = {
            name: {generation: self.bursts[name][generation] for generation in generations}
            for name, generations in measured.items()
        }
        kept = undisturbed(run, self.device, self.clocks)
        differences = {
            name: paired_differences(bursts, kept[0], self.device)
            for name, bursts in kept.items()
            if name != 0
        }
        return family_ratios(
            differences, len(differences), borrows=borrows, is_adaptive=is_adaptive
        )
