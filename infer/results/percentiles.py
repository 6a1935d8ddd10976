"""Percentiles of calls, where enough calls stand behind them."""

from __future__ import annotations

# Calls that must stand behind a percentile: MLPerf's early-stopping floors
# (MLPerf inference policies, "Early Stopping Criterion").
PERCENTILE_FLOORS = {90: 64, 95: 130, 99: 662}


def percentile(ordered: list[float], percent: int) -> float:
    """The least of the values, in rising order, that so many per cent are not above."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
