"""Sentences below the tables: how outputs were compared, and doubts about rows."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult
from .agreement_tables import is_reference


def notes(rows: Sequence[ArtifactResult], labels: ShortLabels) -> list[str]:
    """Notes on conversions of inputs and outputs and on tolerances, merged across artifacts."""
    by_note: dict[str, list[str]] = {}
    for row in rows:
        for note in row.notes:
            by_note.setdefault(note, []).append(row.artifact)
    by_tolerance: dict[str, list[str]] = {}
    for row in rows:
        if row.tolerance is not None and not is_reference(row):
            where = f" from {row.anchor} on the CPU" if row.anchor else ""
            text = f"differences{where} up to {row.tolerance:.2g} pass: {row.tolerance_how}"
            by_tolerance.setdefault(text, []).append(row.artifact)
    every = [row.artifact for row in rows]
    return [
        f"{_whom(artifacts, every, labels)}: {text}"
        for text, artifacts in (by_note | by_tolerance).items()
    ]


def _whom(artifacts: Sequence[str], every: Sequence[str], labels: ShortLabels) -> str:
    """Artifacts in a few words: all, all but one, or their short labels."""
    others = [label for label in every if label not in artifacts]
    if not others and len(every) > 1:
        return "all"
    if len(others) == 1 and len(every) > 2:
        return f"all but {labels[others[0]]}"
    return ", ".join(labels[label] for label in artifacts)


def warnings(rows: Sequence[ArtifactResult], labels: ShortLabels) -> list[str]:
    """Warnings that cast doubt on rows, or matter for their times, merged across artifacts."""
    by_warning: dict[str, list[str]] = {}
    for row in rows:
        if row.grows_with_batch is False:
            text = (
                "a full batch takes no longer than one sample; calls may be all overhead, or not "
                "do what they are timed for"
            )
            by_warning.setdefault(text, []).append(row.artifact)
        unsteady = [workload for workload, timing in row.timings.items() if not timing.steady]
        if unsteady:
            text = f"calls were not steady when warm-up ended ({unsteady[0]})"
            by_warning.setdefault(text, []).append(row.artifact)
    every = [row.artifact for row in rows]
    return [f"{_whom(artifacts, every, labels)}: {text}" for text, artifacts in by_warning.items()]
