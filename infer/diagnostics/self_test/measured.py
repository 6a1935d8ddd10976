"""Verdicts of a run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...measure.plan import Plan
from ...measure.progress import Progress
from ...measure.session import Run
from ...records.events import AnyEvent
from ...records.process_events import BurstTimed
from ...records.protocol import UNTIL
from ...records.run_events import RunEnded
from ...records.store import Store
from ...results.record_index import clock_of
from ...results.summary import run_of
from ...sandbox.trust import EVERYTHING
from ...stats.call_times import Bursts, Turn, paired_differences
from ...stats.clocks import Clock, undisturbed
from ...stats.ratios import family_ratios, ratio_of
from ...workload import Workload
from .known_artifacts import ADDED, COPIES, Named, copy_name, more_name
from .verdicts import FAMILY_TRIAL, TRIALS, MeasuredRatio, Verdicts, verdicts


def recorded_verdicts(
    title: str, events: Sequence[AnyEvent], workload: str, generations: int
) -> Verdicts:
    """Count the verdicts in a run of the artifacts of `known_artifacts`, pair by pair.

    Args:
        title: what they are.
        events: of the run.
        workload: that was measured.
        generations: so many consecutive ones are a trial.
    """
    device = run_of(events).device

    def comparisons() -> Iterable[list[MeasuredRatio]]:
        for trial in _trials(events, workload, generations):
            for mine, theirs, truth in pairs():
                if mine not in trial or theirs not in trial:
                    continue
                differences = paired_differences(trial[mine], trial[theirs], device)
                if len(differences) > 1:
                    yield [MeasuredRatio(ratio_of(differences), truth)]

    return verdicts(f"{title}, {generations} generations", comparisons())


def recorded_family_verdicts(
    title: str,
    events: Sequence[AnyEvent],
    workload: str,
    generations: int,
    *,
    borrows: bool = True,
) -> Verdicts:
    """Count the verdicts in a run of the artifacts of `known_artifacts`, as those of one family.

    All are compared with the first copy, with the correction for their number.

    Args:
        title: what they are.
        events: of the run.
        workload: that was measured.
        generations: so many consecutive ones are a trial.
        borrows: as `family_ratios` takes it.
    """
    device = run_of(events).device
    reference = copy_name(0)
    truths = {copy_name(index): 1.0 for index in range(1, COPIES)}
    truths |= {more_name(added): 1 + added for added in ADDED}

    def families() -> Iterable[list[MeasuredRatio]]:
        for trial in _trials(events, workload, generations):
            differences = {
                name: of_name
                for name in truths.keys() & trial.keys()
                if len(of_name := paired_differences(trial[name], trial[reference], device)) > 1
            }
            ratios = family_ratios(differences, len(differences), borrows=borrows)
            yield [MeasuredRatio(ratio, truths[name]) for name, ratio in ratios.items()]

    count = len(truths) + 1
    own = "" if borrows else ", own variances"
    return verdicts(f"{title}, {count} artifacts, {generations} generations{own}", families())


def _trials(
    events: Sequence[AnyEvent], workload: str, generations: int
) -> Iterator[dict[str, Bursts]]:
    """The bursts of consecutive generations, by artifact, that a run would base its ratios on."""
    device = run_of(events).device
    bursts: dict[str, dict[int, dict[int, Sequence[float]]]] = {}
    clocks: dict[str, dict[Turn, Clock]] = {}
    for event in events:
        if isinstance(event, BurstTimed) and event.workload.name == workload:
            label, turn = event.artifact, (event.generation, event.turn)
            bursts.setdefault(label, {}).setdefault(turn[0], {})[turn[1]] = event.seconds
            clocks.setdefault(label, {})[turn] = clock_of(event)
    count = min((len(by_generation) for by_generation in bursts.values()), default=0)
    for first in range(0, count - generations + 1, generations):
        trial = {
            name: {
                generation: by_generation[generation]
                for generation in range(first, first + generations)
                if generation in by_generation
            }
            for name, by_generation in bursts.items()
        }
        yield undisturbed(trial, device, clocks)


def pairs() -> list[tuple[str, str, float]]:
    """What is compared in a trial: two names and their true ratio.

    No copy stands in two pairs of equal ones, so that these are independent.
    """
    copies = list(map(copy_name, range(COPIES)))
    equal = [(copies[i], copies[i + 1], 1.0) for i in range(0, COPIES, 2)]
    slower = [(more_name(added), copies[i], 1 + added) for i, added in enumerate(ADDED)]
    return equal + slower


def measured_verdicts(
    title: str,
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
        title: what they are, for the report.
        artifacts: as `known_artifacts` names them.
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
    workload = Workload(batch).name
    in_family = min(FAMILY_TRIAL, generations or FAMILY_TRIAL)
    return [
        *(recorded_verdicts(title, store.events, workload, count) for count in trials),
        *(
            recorded_family_verdicts(title, store.events, workload, in_family, borrows=borrows)
            for borrows in (False, True)
        ),
    ]
