"""Sentences below the tables: how outputs were compared, and doubts about rows."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.summary import ArtifactResult, Summary
from .agreement_tables import is_reference


def notes(rows: Sequence[ArtifactResult]) -> list[str]:
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
    return [
        f"{', '.join(artifacts)}: {text}" for text, artifacts in (by_note | by_tolerance).items()
    ]


def warnings(rows: Sequence[ArtifactResult], summary: Summary) -> list[str]:
    """Warnings about a row that cast doubt on it, or that matter for its times."""
    lines = []
    for row in rows:
        if row.grows_with_batch is False:
            lines.append(
                f"{row.artifact}: a full batch takes no longer than one sample; its calls may be "
                "all overhead, or not do what they are timed for"
            )
        unsteady = [workload for workload, timing in row.timings.items() if not timing.steady]
        if unsteady:
            lines.append(
                f"{row.artifact}: calls were not steady when warm-up ended ({unsteady[0]})"
            )
    return lines
