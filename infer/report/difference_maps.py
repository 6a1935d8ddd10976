"""Where the values of maps differ, such as those of segmentations: a picture of equal parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..records.parity_events import ParityJudged
from ..results.recorded_run import RecordedRun
from ..results.summary import ArtifactResult

_MOST_MAPS = 6


@dataclass(frozen=True)
class DifferenceMap:
    """Where the values of an output differ by more than the tolerance.

    Attributes:
        artifact, output: names of both.
        text: how many values differ.
        columns, rows: numbers of parts.
        parts: column, row, and share of the part that most values differ in, of each other part.
    """

    artifact: str
    output: str
    text: str
    columns: int
    rows: int
    parts: list[tuple[int, int, float]]


def difference_maps(run: RecordedRun, rows: Sequence[ArtifactResult]) -> list[DifferenceMap]:
    """The maps of the artifacts in these rows, of the outputs in which values differ."""
    labels = {row.artifact for row in rows}
    judged = {event.artifact: event for event in run.events if isinstance(event, ParityJudged)}
    maps = []
    for artifact, parity in judged.items():
        for name, output in parity.by_output.items():
            counts = [list(line) for line in output.map]
            most = max((count for line in counts for count in line), default=0)
            if artifact not in labels or not most:
                continue
            share = output.beyond / output.values
            maps.append(
                DifferenceMap(
                    artifact,
                    name,
                    f"{output.beyond:,} of {output.values:,} values ({share:.3g} of them) differ "
                    f"by more than {output.tolerance:g}",
                    max(map(len, counts)),
                    len(counts),
                    [
                        (x, y, round(count / most, 3))
                        for y, line in enumerate(counts)
                        for x, count in enumerate(line)
                        if count > 0
                    ],
                )
            )
    return maps[:_MOST_MAPS]
