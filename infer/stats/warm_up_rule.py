"""When a warm-up ends: whether calls have become steady, neither faster nor slower than before."""

from __future__ import annotations

import statistics
from collections import deque

# Calls are steady when the median of one window is within this share of the one before.
_SHARE = 0.05
_WINDOW = 2  # blocks


class Steadiness:
    """Judges whether calls are steady, in blocks of `block_s` seconds and at least one call each.

    On a processor a block is one call. A card that has been idle takes tens of milliseconds to
    reach its clock, and may make a hundred equal calls meanwhile, so there a block has a duration.
    """

    def __init__(self, block_s: float = 0.0) -> None:
        self._block_s = block_s
        self._block: list[float] = []
        self._began: float | None = None
        self._medians: deque[float] = deque(maxlen=2 * _WINDOW)

    def add(self, seconds: float, now: float) -> None:
        """Add a call that took `seconds` and ended at `now`, by any clock."""
        if self._began is None:
            self._began = now - seconds
        self._block.append(seconds)
        if now - self._began >= self._block_s:
            self._medians.append(statistics.median(self._block))
            self._block, self._began = [], now

    @property
    def steady(self) -> bool:
        """Whether the last two windows of two blocks are alike."""
        if len(self._medians) < 2 * _WINDOW:
            return False
        medians = list(self._medians)
        before, after = map(statistics.median, (medians[:_WINDOW], medians[_WINDOW:]))
        return abs(after - before) <= _SHARE * before

    @property
    def call_s(self) -> float:
        """Seconds of the most recent calls, as a median; 0 if there was none."""
        last = [*self._medians, *([statistics.median(self._block)] if self._block else [])]
        return statistics.median(last[1 - 2 * _WINDOW :]) if last else 0.0
