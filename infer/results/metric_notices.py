"""Notices about metrics that a run was to have, and has not."""

from __future__ import annotations

from .record_index import RecordIndex


def metric_notices(index: RecordIndex) -> list[str]:
    """A notice for every reason why metrics are missing."""
    missing: dict[str, list[str]] = {}
    for label, reasons in index.missing_metrics.items():
        for reason in reasons:
            missing.setdefault(reason, []).append(label)
    return [f"METRICS MISSING: {_of(labels, index)}{reason}." for reason, labels in missing.items()]


def _of(labels: list[str], index: RecordIndex) -> str:
    """The artifacts, unless they are all that have metrics."""
    return "" if len(labels) == len(index.missing_metrics) else f"of {', '.join(labels)}: "
