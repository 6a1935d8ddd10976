"""What else is asked of a run's events: differences, resolution, percentiles of generations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..records.events import AnyEvent
from ..stats.call_times import paired_differences
from .percentiles import percentile
from .record_index import RecordIndex


def resolution(events: Sequence[AnyEvent]) -> float | None:
    """Half-width of the widest interval that a run has so far, as a share.

    None where an artifact has no interval yet, or there is nothing to compare.
    """
    found = RecordIndex(events)
    references, failed = found.speed_references(), found.failed()
    worst = None
    for label, points in found.bursts.items():
        if label == references[label] or label in failed:
            continue
        # A sweep may have ended earlier for the reference: there is nothing to compare then.
        for point in points.keys() & found.bursts.get(references[label], {}).keys():
            ratio = found.ratio(label, point)
            if ratio is None or ratio.resolution is None:
                return None
            worst = max(worst or 0.0, ratio.resolution)
    return worst


def sample_differences(
    events: Sequence[AnyEvent], mine: tuple[str, str], theirs: tuple[str, str]
) -> list[float]:
    """The difference of two artifacts in log time for a sample, one a generation.

    Args:
        events: of the run.
        mine, theirs: artifact and kind of calls, which may be calls of other batches.

    Returns:
        As `infer.stats.ratios.ratio_of` takes them; empty where the two have no generation in
        common.
    """
    found = RecordIndex(events)
    own, other = (found.undisturbed(point).get(label, {}) for label, point in (mine, theirs))
    differences = paired_differences(own, other, found.device)
    if not differences:
        return []
    samples = math.log(found.per_call[theirs[1]] / found.per_call[mine[1]])
    return [difference + samples for difference in differences]


def is_adaptive_run(events: Sequence[AnyEvent]) -> bool:
    """Whether a run goes on until its intervals are narrow."""
    return RecordIndex(events).adaptive


def percentiles_by_generation(
    events: Sequence[AnyEvent], label: str, point: str, percent: int
) -> list[float]:
    """A percentile of an artifact's calls in each generation of processes, in seconds."""
    generations = RecordIndex(events).bursts.get(label, {}).get(point, {})
    return [
        percentile(sorted(s for own in turns.values() for s in own), percent)
        for turns in generations.values()
    ]
