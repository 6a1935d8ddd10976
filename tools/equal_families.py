"""Judges the intervals of families of equal artifacts on recorded calls.

Whatever is told apart there is a false alarm. Byte copies of one artifact are equal, each being the
reference of the others in turn; and an artifact in some generations is equal to itself in others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from estimators import BATCHES

from infer.records.store import read_events
from infer.results.record_index import RecordIndex
from infer.stats.call_times import Bursts, paired_differences
from infer.stats.clocks import undisturbed
from infer.stats.ratios import Ratio, family_ratios

DEVICE = "cpu"
# Generations of a run, or pairs of them.
SIZES = (2, 3, 4, 5)
# Runs of artifacts that are compared with themselves, of each number of pairs.
MOST = 1000
HEADER = (
    "| recorded in | calls | of | generations | compared | families | false alarms, own "
    "| moderated | half-width, own | moderated |",
    "| :--- | :--- | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)

# Differences in log time to one reference, by artifact, one a generation.
Family = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Judged:
    """What families of intervals came to, with own variances and moderated.

    Attributes:
        compared: artifacts in one, beside the reference.
        families: how many.
        alarms: how many have an interval that does not hold 1.
        half_widths: of the intervals, the median.
    """

    compared: int
    families: int
    alarms: tuple[int, int]
    half_widths: tuple[float, float]

    def __str__(self) -> str:
        """Cells of the table."""
        alarms = (f"{count} ({count / self.families:.1%})" for count in self.alarms)
        widths = (f"± {width:.2%}" for width in self.half_widths)
        return " | ".join((str(self.compared), str(self.families), *alarms, *widths))


def rows(folder: Path) -> Iterator[str]:
    """The lines of the table for a run, or for what `measurement_study.py collect` recorded."""
    if (folder / "results.jsonl").exists():
        yield from _rows_of_run(folder)
        return
    generations = [
        generation
        for line in (folder / "generations.jsonl").read_text().splitlines()
        if (generation := json.loads(line))["arrangement"] == "stopped"
    ]
    for batch in BATCHES:
        yield from _rows(folder, f"batch {batch}", "copies", _copies(generations, batch))


def copies_of(index: RecordIndex) -> list[list[str]]:
    """The artifacts of a run that are byte copies of each other."""
    by_files: dict[str, list[str]] = {}
    for label, artifact in index.artifacts.items():
        by_files.setdefault(artifact.sha256, []).append(label)
    return [labels for labels in by_files.values() if len(labels) > 1]


def _rows_of_run(folder: Path) -> Iterator[str]:
    index = RecordIndex(read_events(folder))
    for workload in index.workloads:
        timed = index.timed(workload)
        for labels in copies_of(index):
            copies = {label: timed[label] for label in labels if label in timed}
            if len(copies) > 1:
                yield from _rows(folder, workload, "copies", copies)
        if differences := index.differences(workload):
            for size in SIZES:
                if judged := judge(against_themselves(differences, size)):
                    yield _row(folder, workload, "themselves", size, judged)


def _rows(folder: Path, calls: str, of: str, copies: Mapping[str, Bursts]) -> Iterator[str]:
    for size in SIZES:
        if judged := judge(of_copies(copies, size)):
            yield _row(folder, calls, of, size, judged)


def _row(folder: Path, calls: str, of: str, size: int, judged: Judged) -> str:
    return f"| {folder.name} | {calls} | {of} | {size} | {judged} |"


def _copies(generations: Sequence[dict[str, Any]], batch: int) -> dict[str, Bursts]:
    """The bursts of each copy, from the generations that `collect` recorded."""
    return {
        str(copy): {
            number: {
                turn: burst["seconds"]
                for turn, burst in enumerate(generation["bursts"][copy][str(batch)])
            }
            for number, generation in enumerate(generations)
        }
        for copy in range(len(generations[0]["bursts"]) if generations else 0)
    }


def of_copies(copies: Mapping[str, Bursts], size: int) -> Iterator[Family]:
    """Families of copies, each being the reference of the others in turn.

    Args:
        copies: bursts of each.
        size: generations of a family: consecutive ones.
    """
    every = sorted(set.intersection(*map(set, copies.values()))) if copies else []
    for first in range(0, len(every) - size + 1, size):
        run = {
            name: {generation: bursts[generation] for generation in every[first : first + size]}
            for name, bursts in copies.items()
        }
        kept = undisturbed(run, DEVICE)
        for reference in kept:
            yield {
                name: paired_differences(mine, kept[reference], DEVICE)
                for name, mine in kept.items()
                if name != reference
            }


def against_themselves(differences: Family, size: int, most: int = MOST) -> Iterator[Family]:
    """Families of artifacts that are compared with themselves.

    From the difference to the reference in one generation that in another is taken: the true one is
    zero, whatever the artifact's speed. What the reference scatters is common to all, as in a run.

    Args:
        differences: of a run.
        size: pairs of generations in a family: any of the recorded ones.
        most: so many draws at random; the families share generations.
    """
    count = min(map(len, differences.values()))
    draw = np.random.default_rng(0)
    seen = set()
    for _ in range(most if count >= 2 * size else 0):
        first, second = draw.permutation(count)[: 2 * size].reshape(2, size)
        # In another order, or with the two sides exchanged, it is the same family.
        pairs = frozenset(zip(first.tolist(), second.tolist(), strict=True))
        if pairs in seen or frozenset((b, a) for a, b in pairs) in seen:
            continue
        seen.add(pairs)
        yield {
            name: (np.take(mine, first) - np.take(mine, second)).tolist()
            for name, mine in differences.items()
        }


def judge(families: Iterator[Family]) -> Judged | None:
    """Count the false alarms of families that have intervals; None if there are none."""
    judged = [family for family in families if min(map(len, family.values())) > 1]
    if not judged:
        return None
    alarms, widths = [], []
    for borrows in (False, True):
        ratios = [family_ratios(family, len(family), borrows=borrows) for family in judged]
        alarms.append(sum(any(map(_is_alarm, family.values())) for family in ratios))
        widths.append(median(r.resolution or 0.0 for family in ratios for r in family.values()))
    return Judged(len(judged[0]), len(judged), (alarms[0], alarms[1]), (widths[0], widths[1]))


def _is_alarm(ratio: Ratio) -> bool:
    return ratio.low is not None and ratio.high is not None and not ratio.low <= 1 <= ratio.high
