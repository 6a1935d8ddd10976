"""Warm-up, as the controller has it done: until calls are steady, and on a card its clock too."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..worker.client import WorkerProcess

# A card that idles runs at a fraction of its clock, and takes a few hundred milliseconds to raise
# it; until then calls can be steady and slow. This much is called before calls are looked at.
WARM_UP_S = 0.5
# Between two bursts a card waits for some milliseconds, in which its clock hardly falls, but its
# caches and the queue are another process's. Calls of a tenth of a warm-up, untimed, end that. Slow
# calls, of which few fit into the limit, raise the clock while the first of them lasts.
SPIN_UP_S = 0.05
SPIN_UP_LIMIT_S = 0.5
# Clocks of a card go in steps of 15 MHz, and at the limit of its power move by one or two: they are
# the same if they are within this share.
_SAME_CLOCK = 0.03

# Tells the clock of the card in MHz; None where the driver does not.
Clock = Callable[[], float | None]


def warmed_up(
    worker: WorkerProcess,
    call: Mapping[str, Any],
    limit_s: float,
    *,
    least_s: float = 0.0,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Have a worker call until its calls are steady, and repeat that until the clock is.

    Args:
        worker: that has its inputs.
        call: what is called: batch, pause and boundary, as the worker's `warm_up` takes them.
        limit_s: seconds after which it ends, steady or not; repeating it has as long again.
        least_s: seconds that it takes at least.
        clock: of the card; None on a processor.

    Returns:
        What the worker answers, of all rounds together. With a clock also `clock_mhz`, before and
        after each round, and `clock_steady`, None where it is not told.
    """
    clocks = [clock()] if clock else []
    found = worker.ask("warm_up", **call, limit_s=limit_s, least_s=least_s)
    if clock is None:
        return found
    clocks.append(clock())
    begin = time.monotonic()
    while _same(clocks) is False and (left := limit_s - (time.monotonic() - begin)) > 0:
        again = worker.ask("warm_up", **call, limit_s=left, least_s=min(least_s, left))
        clocks.append(clock())
        found = again | {name: found[name] + again[name] for name in ("calls", "total_s")}
    return found | {"clock_mhz": clocks, "clock_steady": _same(clocks)}


def _same(clocks: list[float | None]) -> bool | None:
    before, after = clocks[-2:]
    if before is None or after is None:
        return None
    return abs(after - before) <= _SAME_CLOCK * max(before, after)
