"""What the intervals of a run stand on: how far the times of its artifacts scatter.

Each value is a standard deviation from one generation to the next, of the time of an undisturbed
call. Byte copies of one artifact tell apart what their processes scatter by, and what the machine
does to all of them alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from equal_families import copies_of

from infer.results.record_index import RecordIndex
from infer.stats.call_times import Bursts, log_call_time, paired_differences
from infer.stats.clocks import undisturbed


def rows(index: RecordIndex, workload: str, turns: int, calls: int) -> Iterator[str]:
    """The lines of the table of one kind of calls.

    Args:
        index: of the run.
        workload: name of the kind of calls.
        turns: so many of each generation count, from its first on.
        calls: so many of each burst.
    """
    device = index.device
    timed = {
        label: {
            generation: {turn: by_turn[turn][:calls] for turn in sorted(by_turn)[:turns]}
            for generation, by_turn in bursts.items()
        }
        for label, bursts in index.timed(workload).items()
    }
    kept = undisturbed(timed, device, index.clocks.get(workload))
    references = index.speed_references()
    yield f"| {workload} | generations | time | difference to the reference |"
    yield "| :--- | ---: | ---: | ---: |"
    for label, bursts in kept.items():
        times = list(_times(bursts, device).values())
        reference = references.get(label, label)
        difference = "-"
        if reference != label and reference in kept:
            difference = _deviation(paired_differences(bursts, kept[reference], device))
        yield f"| {label} | {len(times)} | {_deviation(times)} | {difference} |"
    for labels in copies_of(index):
        copies = [kept[label] for label in labels if label in kept]
        if len(copies) > 1:
            others = {label: kept[label] for label in kept if label not in labels}
            yield from _copies(copies, others, device)


def _copies(copies: Sequence[Bursts], others: Mapping[str, Bursts], device: str) -> Iterator[str]:
    """Lines of byte copies: within a generation, in common, and the mean of some beside others."""
    by_copy = [_times(bursts, device) for bursts in copies]
    every = sorted(set.intersection(*map(set, by_copy)))
    if len(every) < 2:
        return
    times = np.array([[of_copy[generation] for generation in every] for of_copy in by_copy])
    within = float(np.sqrt(times.var(axis=0, ddof=1).mean()))
    count = len(copies)
    common = max(times.mean(axis=0).var(ddof=1) - within**2 / count, 0.0) ** 0.5
    yield f"| {count} copies in one generation | {len(every)} | {within:.2%} | - |"
    yield f"| common to all copies | {len(every)} | {common:.2%} | - |"
    for label, other in others.items():
        beside = _times(other, device)
        if not set(every) <= beside.keys():
            continue
        theirs = np.array([beside[generation] for generation in every])
        # Of the mean of some copies the variance is the mean over all ways to choose them.
        total = float(np.mean([np.var(theirs - mine, ddof=1) for mine in times]))
        all_of_them = float(np.var(theirs - times.mean(axis=0), ddof=1))
        own = (total - all_of_them) / (1 - 1 / count)
        for some in (1, 2, 3):
            deviation = max(total - own * (1 - 1 / some), 0.0) ** 0.5
            yield f"| {label} less the mean of {some} | {len(every)} | - | {deviation:.2%} |"


def _times(bursts: Bursts, device: str) -> dict[int, float]:
    return {g: log_call_time(turns.values(), device) for g, turns in bursts.items() if turns}


def _deviation(values: Sequence[float]) -> str:
    return f"{np.std(values, ddof=1):.2%}" if len(values) > 1 else "-"
