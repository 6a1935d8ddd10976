"""Percentiles of the times of calls, if there are enough calls."""

from __future__ import annotations

# The number of calls that a percentile requires: MLPerf's early-stopping minimums
# (MLPerf inference policies, "Early Stopping Criterion").
PERCENTILE_FLOORS = {90: 64, 95: 130, 99: 662}


def percentile(ordered: list[float], percent: int) -> float:
    """The smallest of the sorted values that at least `percent` per cent do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
