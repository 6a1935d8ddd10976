"""Which artifacts of a run may be the fastest: what its intervals allow, and no more.

The intervals of a run hold all at once with their confidence, since they are corrected for the
number of comparisons. So an artifact is surely slower than another if its interval lies above the
other's; the reference's is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..formats.registry import FORMATS
from ..outcome import Outcome
from ..stats.ratios import Ratio
from .summary import ArtifactResult, Summary


@dataclass(frozen=True)
class Lead:
    """The fastest artifacts of one workload, among those with one reference that agree with it.

    Attributes:
        reference: the artifact that the ratios are to.
        first: the artifacts that may be the fastest, by ratio: no other is surely faster.
        compared: number of artifacts that were compared.
        has_intervals: whether there are intervals; if not, nothing is sure and `first` has all.
        leader: of these, the reference; else the fastest by its ratio that is surely faster than
            the reference, or the fastest if none is, as where the reference is of another group.
        beats_reference: whether the leader is surely faster than the reference.
        ratio: of the leader to the reference; None where nothing could be paired.
        next_best: the fastest of those that are surely slower; "" if there is none.
        next_ratio: its time over that of the leader, with an interval where that is the reference;
            None if there is none.
        resolution: half the width of the widest interval, as a share; None without intervals.
        common_format: title of the format of `first`, if these are several and no other artifact
            is of it.
    """

    reference: str
    first: tuple[str, ...]
    compared: int
    has_intervals: bool
    leader: str
    beats_reference: bool
    ratio: Ratio | None
    next_best: str
    next_ratio: Ratio | None
    resolution: float | None
    common_format: str | None


def leads(rows: Sequence[ArtifactResult], summary: Summary, workload: str) -> list[Lead]:
    """Find the fastest artifacts for each reference; none where an artifact is alone."""
    by_reference: dict[str, list[ArtifactResult]] = {}
    for row in rows:
        reference = summary.speed_references.get(row.artifact)
        if reference is not None and workload in row.timings and row.outcome == Outcome.OK:
            by_reference.setdefault(reference, []).append(row)
    return [
        _lead(reference, family, workload)
        for reference, family in by_reference.items()
        if len(family) > 1
    ]


def _lead(reference: str, rows: Sequence[ArtifactResult], workload: str) -> Lead:
    same = Ratio(1.0, 1.0, 1.0, 0)
    ratios = {
        row.artifact: same if row.artifact == reference else row.timings[workload].ratio
        for row in rows
    }
    known = {label: ratio for label, ratio in ratios.items() if ratio is not None}
    # What has no interval may be anywhere.
    lows = {label: (known[label].low if label in known else None) or 0.0 for label in ratios}
    highs = {label: known[label].high or math.inf for label in known}
    order = sorted(ratios, key=lambda label: known[label].value if label in known else math.inf)
    bound = min(highs.values(), default=math.inf)
    first = tuple(label for label in order if lows[label] <= bound)
    after = [label for label in order if label not in first]
    sure = [label for label in first if label != reference and highs.get(label, math.inf) < 1]
    leader = reference if reference in first else next(iter(sure), first[0])
    fastest = known.get(leader)
    resolutions = [r.resolution for r in known.values() if r.resolution is not None]
    return Lead(
        reference,
        first,
        len(ratios),
        any(ratio.low is not None for label, ratio in known.items() if label != reference),
        leader,
        leader in sure,
        fastest,
        after[0] if after else "",
        _over(known.get(after[0]), fastest) if after else None,
        max(resolutions, default=None),
        _common_format(rows, first),
    )


def _over(ratio: Ratio | None, other: Ratio | None) -> Ratio | None:
    """A ratio over another; with an interval only over the reference, which is exactly 1."""
    if ratio is None or other is None:
        return None
    if other.low == other.high:
        return ratio
    return Ratio(ratio.value / other.value, None, None, 0)


def _common_format(rows: Sequence[ArtifactResult], first: Sequence[str]) -> str | None:
    formats = {row.format for row in rows if row.artifact in first}
    others = {row.format for row in rows if row.artifact not in first}
    name = next(iter(formats))
    if len(first) < 2 or len(formats) > 1 or formats & others or name not in FORMATS:
        return None
    return FORMATS[name].title
