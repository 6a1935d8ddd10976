"""Notices about metrics that a run was to have, and has not."""

from __future__ import annotations

from .record_index import RecordIndex


def metric_notices(index: RecordIndex) -> list[str]:
    """A notice for every reason why metrics are missing."""
    missing: dict[str, list[str]] = {}
    for label, reasons in index.missing_metrics.items():
        for reason in reasons:
            missing.setdefault(reason, []).append(label)
    return [
        f"METRICS MISSING: of {', '.join(labels)}: {reason}." for reason, labels in missing.items()
    ]
