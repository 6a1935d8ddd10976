"""Test the measurement: compare equal artifacts, and artifacts that differ by a known amount.

A trial is a run of some generations. In each, pairs of byte copies are compared (A/A): to find a
difference between them is a false alarm. Copies that do a known share of work more are compared
too (A/B): how often that is found is the power, how often the interval holds the truth the
coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy

from ..measure import stopping
from ..measure.plan import Plan
from ..measure.progress import Progress
from ..measure.session import Run
from ..records.events import AnyEvent
from ..records.process_events import BurstTimed
from ..records.protocol import UNTIL
from ..records.run_events import RunEnded
from ..records.store import Store
from ..results.record_index import clock_of
from ..results.summary import run_of
from ..sandbox.trust import EVERYTHING
from ..stats.call_times import Bursts, Turn, paired_differences
from ..stats.card_simulation import Card, simulate_card
from ..stats.clocks import Clock, undisturbed
from ..stats.ratios import Ratio, ratio_of
from ..stats.simulation import Noise, simulate
from ..workload import Workload
from .self_measurement_artifacts import ADDED, COPIES, Named, copy_name, more_name

# In a trial: what a short run has, and what ten minutes have, where turns in which the machine was
# slower are left out.
TRIALS = (6, 12)
# Of a simulated burst on a card, where calls are short.
_CARD_CALLS = 20
# Where a simulated run ends that has not come to its resolution before.
_MOST_GENERATIONS = 40


@dataclass(frozen=True)
class MeasuredRatio:
    """A measured ratio, and the true ratio."""

    ratio: Ratio
    truth: float


@dataclass(frozen=True)
class Verdicts:
    """The results of many comparisons.

    Attributes:
        of: what was compared.
        comparisons, false_alarms: of equal artifacts.
        false_alarm_interval: 95 %, exact binomial, for independent comparisons.
        bias: mean of the log of estimate over truth, of all comparisons.
        covered, intervals: how many of how many intervals hold the truth.
        half_width: of the intervals, the median.
        power: by the share of added work, how many of how many were found.
    """

    of: str
    comparisons: int
    false_alarms: int
    false_alarm_interval: tuple[float, float]
    bias: float
    covered: int
    intervals: int
    half_width: float
    power: dict[str, tuple[int, int]]


def verdicts(of: str, compared: Iterable[MeasuredRatio]) -> Verdicts:
    """Count the results of comparisons, each of which has an interval."""
    alarms = comparisons = covered = 0
    logs, widths = [], []
    power: dict[str, list[int]] = {f"{added:.0%}": [0, 0] for added in ADDED}
    for one in compared:
        low, high = one.ratio.low, one.ratio.high
        assert low is not None and high is not None
        found = high < 1 or low > 1
        if one.truth == 1:
            comparisons += 1
            alarms += found
        else:
            counts = power[f"{one.truth - 1:.0%}"]
            counts[0] += low > 1
            counts[1] += 1
        covered += low <= one.truth <= high
        logs.append(np.log(one.ratio.value / one.truth))
        widths.append(float(np.sqrt(high / low) - 1))
    interval = (0.0, 1.0)
    if comparisons:
        interval = scipy.stats.binomtest(alarms, comparisons).proportion_ci()
    return Verdicts(
        of=of,
        comparisons=comparisons,
        false_alarms=alarms,
        false_alarm_interval=(float(interval[0]), float(interval[1])),
        bias=float(np.mean(logs)) if logs else 0.0,
        covered=covered,
        intervals=len(logs),
        half_width=float(np.median(widths)) if widths else 0.0,
        power={name: (own[0], own[1]) for name, own in power.items() if own[1]},
    )


def simulated(
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

    def each() -> Iterable[MeasuredRatio]:
        for _ in range(runs):
            clocks: list[dict[Turn, Clock]] = []
            if card:
                bursts, clocks = simulate_card([1.0, *truths], **size, card=card, random=random)
            else:
                bursts = simulate([1.0, *truths], **size, noise=noise, random=random)
            for number, truth in enumerate(truths, 1):
                told = {name: clocks[i] for name, i in enumerate((0, number)) if clocks}
                find = _Finder((bursts[0], bursts[number]), told, device or made_on)
                if resolve is None:
                    yield MeasuredRatio(find.ratio(generations), truth)
                else:
                    yield MeasuredRatio(find.resolved(resolve), truth)

    machine = ", two states" if noise.slow else ""
    machine = " card" if card else machine
    machine += f", as on a {device}" if device else ""
    end = f"{generations} generations" if resolve is None else f"until {resolve:.1%}"
    return verdicts(f"simulated{machine}, {end}", each())


@dataclass(frozen=True)
class _Finder:
    """Judges a made-up run of two artifacts: the second to the first."""

    pair: tuple[Bursts, Bursts]
    clocks: Mapping[int, Mapping[Turn, Clock]]
    device: str

    def resolved(self, resolve: float) -> Ratio:
        """What a run with `--resolve` comes to."""
        protocol = replace(UNTIL, generations=_MOST_GENERATIONS, resolve=resolve)
        for count in range(stopping.MIN_GENERATIONS_TO_RESOLVE, _MOST_GENERATIONS + 1):
            ratio = self.ratio(count, is_adaptive=True)
            if stopping.stop_reason(
                protocol, stopping.RunStatus(count, 0.0, 0.0, 1, ratio.resolution)
            ):
                break
        return ratio

    def ratio(self, generations: int, *, is_adaptive: bool = False) -> Ratio:
        """What it comes to after the first generations."""
        run = {
            name: {generation: own[generation] for generation in range(generations)}
            for name, own in enumerate(self.pair)
        }
        left = undisturbed(run, self.device, self.clocks)
        return ratio_of(paired_differences(left[1], left[0], self.device), is_adaptive=is_adaptive)


def of_records(of: str, events: Sequence[AnyEvent], point: str, generations: int) -> Verdicts:
    """Count the verdicts in a run of the artifacts of `self_test_artifacts`.

    Args:
        of: what they are.
        events: of the run.
        point: that was measured.
        generations: so many consecutive ones are a trial.
    """
    device = run_of(events).device
    bursts: dict[str, dict[int, dict[int, Sequence[float]]]] = {}
    clocks: dict[str, dict[Turn, Clock]] = {}
    for event in events:
        if isinstance(event, BurstTimed) and event.workload.name == point:
            label, turn = event.artifact, (event.generation, event.turn)
            bursts.setdefault(label, {}).setdefault(turn[0], {})[turn[1]] = event.seconds
            clocks.setdefault(label, {})[turn] = clock_of(event)
    count = min((len(own) for own in bursts.values()), default=0)

    def each() -> Iterable[MeasuredRatio]:
        for first in range(0, count - generations + 1, generations):
            trial = undisturbed(
                {
                    name: {g: own[g] for g in range(first, first + generations) if g in own}
                    for name, own in bursts.items()
                },
                device,
                clocks,
            )
            for mine, theirs, truth in pairs():
                if mine not in trial or theirs not in trial:
                    continue
                differences = paired_differences(trial[mine], trial[theirs], device)
                if len(differences) > 1:
                    yield MeasuredRatio(ratio_of(differences), truth)

    return verdicts(f"{of}, {generations} generations", each())


def pairs() -> list[tuple[str, str, float]]:
    """What is compared in a trial: two names and their true ratio.

    No copy stands in two pairs of equal ones, so that these are independent.
    """
    copies = list(map(copy_name, range(COPIES)))
    equal = [(copies[i], copies[i + 1], 1.0) for i in range(0, COPIES, 2)]
    slower = [(more_name(added), copies[i], 1 + added) for i, added in enumerate(ADDED)]
    return equal + slower


def measured(
    of: str,
    artifacts: Named,
    inputs: Path,
    folder: Path,
    *,
    budget_s: float,
    generations: int | None = None,
    batch: int,
    turns: int,
    threads: int,
    tell: Callable[[Progress], None],
    device: str = "cpu",
    card: str | None = None,
    trials: Sequence[int] = TRIALS,
) -> list[Verdicts]:
    """Measure artifacts of known differences in a run of its own, and count its verdicts.

    Args:
        of: what they are, for the report.
        artifacts: as `self_test_artifacts` names them.
        inputs: for all of them.
        folder: of the run.
        budget_s: seconds for it.
        generations: where it ends before the budget does.
        batch: samples a call.
        turns: bursts of each in a generation.
        threads: for each worker.
        tell: is told of the progress.
        device: "cpu" or "cuda".
        card: that the workers see, as `Plan.card`.
        trials: generations of a trial, for each verdict.

    Raises:
        OSError: the results cannot be written.
    """
    scenario = "single" if batch == 1 else "batch"
    protocol = replace(
        UNTIL,
        budget_s=budget_s,
        generations=generations,
        bursts=turns,
        batch=batch,
        scenarios=(scenario,),
    )
    plan = Plan(
        tuple(artifacts),
        inputs,
        protocol,
        device,
        threads,
        timeout_s=120.0,
        trusted=(EVERYTHING,),  # they are ours, or copies of one that was let in
        card=card,
    )
    store = Store(folder)
    try:
        Run(plan, store, tell).run(["self-test"])
    finally:
        store.close()
    if isinstance(last := store.events[-1], RunEnded) and last.interrupted:
        raise KeyboardInterrupt
    return [of_records(of, store.events, Workload(batch).name, count) for count in trials]
