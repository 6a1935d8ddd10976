"""Queries of a run's events: differences, resolution, percentiles by generation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..records.events import AnyEvent
from ..stats.call_times import paired_differences
from .percentiles import percentile
from .record_index import RecordIndex


@dataclass(frozen=True)
class Resolution:
    """How narrow the intervals of an artifact are so far.

    Attributes:
        half_width: of its widest interval, as a share; None if one of its kinds of calls has none.
        generations: that stand behind the interval that has the fewest.
    """

    half_width: float | None
    generations: int


def resolutions(events: Sequence[AnyEvent]) -> dict[str, Resolution]:
    """How narrow the intervals of each compared artifact are so far."""
    index = RecordIndex(events)
    references, failed = index.speed_references(), index.failed()
    result: dict[str, Resolution] = {}
    for label, workloads in index.bursts.items():
        if label == references[label] or label in failed:
            continue
        # The reference's sweep may have ended earlier: then there is nothing to compare.
        compared = workloads.keys() & index.bursts.get(references[label], {}).keys()
        ratios = [index.ratio(label, workload) for workload in compared]
        if not ratios:
            continue
        widths = [ratio.resolution for ratio in ratios if ratio and ratio.resolution is not None]
        result[label] = Resolution(
            max(widths) if len(widths) == len(ratios) else None,
            min(ratio.generations if ratio else 0 for ratio in ratios),
        )
    return result


def sample_differences(
    events: Sequence[AnyEvent], mine: tuple[str, str], theirs: tuple[str, str]
) -> list[float]:
    """Differences of two artifacts in log time for a sample, one for each generation.

    Args:
        events: events of the run.
        mine, theirs: artifact and workload, which may differ in the batch.

    Returns:
        Differences for `infer.stats.ratios.ratio_of`; empty if the two share no generation.
    """
    index = RecordIndex(events)
    my_bursts, their_bursts = (
        index.undisturbed(workload).get(label, {}) for label, workload in (mine, theirs)
    )
    differences = paired_differences(my_bursts, their_bursts, index.device)
    if not differences:
        return []
    samples = math.log(index.per_call[theirs[1]] / index.per_call[mine[1]])
    return [difference + samples for difference in differences]


def is_adaptive_run(events: Sequence[AnyEvent]) -> bool:
    """Whether a run continues until its intervals are narrow."""
    return RecordIndex(events).adaptive


def percentiles_by_generation(
    events: Sequence[AnyEvent], label: str, workload: str, percent: int
) -> list[float]:
    """A percentile of an artifact's calls in each generation, in seconds."""
    generations = RecordIndex(events).bursts.get(label, {}).get(workload, {})
    return [
        percentile(sorted(s for seconds in turns.values() for s in seconds), percent)
        for turns in generations.values()
    ]
