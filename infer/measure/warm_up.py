"""Warm-up, as the controller has it done: until calls are steady, and on a card its clock too."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..system.nvml import Card
from ..worker import messages
from ..worker.client import WorkerProcess
from ..workload import Workload

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


class WarmUp:
    """Has workers warmed up, as long as the protocol allows.

    Args:
        limit_s: seconds after which a warm-up ends, steady or not.
        device: "cpu" or "cuda".
        card: whose clock has to be steady too; None on cuda is one that the fake runtime stands
            for, whose clock is not told.
    """

    def __init__(self, limit_s: float, device: str, card: Card | None) -> None:
        self._limit_s = limit_s
        self._clock: Clock | None = None
        if device == "cuda":
            self._clock = lambda: card.sm_mhz if card else None

    def until_steady(self, worker: WorkerProcess, workload: Workload) -> dict[str, Any]:
        """Warm up for a workload before it is timed for the first time."""
        least_s = WARM_UP_S if self._clock else 0.0
        # With pauses between calls a clock may never rest.
        clock = None if workload.gap_s else self._clock
        found = warmed_up(worker, workload.call, self._limit_s, least_s=least_s, clock=clock)
        return found | {"workload": workload}

    def before_burst(self, worker: WorkerProcess, workload: Workload) -> dict[str, Any] | None:
        """Spin up a card that has waited since the last burst; None where there is no need."""
        # A service that waits between calls finds the card so.
        if self._clock is None or workload.gap_s:
            return None
        found = warmed_up(
            worker, workload.call, SPIN_UP_LIMIT_S, least_s=SPIN_UP_S, clock=self._clock
        )
        return found | {"workload": workload}


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
    response = worker.ask(messages.WarmUp(**call, limit_s=limit_s, least_s=least_s))
    found: dict[str, Any] = {**response}
    if clock is None:
        return found
    clocks.append(clock())
    begin = time.monotonic()
    while _same(clocks) is False and (left := limit_s - (time.monotonic() - begin)) > 0:
        again = worker.ask(messages.WarmUp(**call, limit_s=left, least_s=min(least_s, left)))
        clocks.append(clock())
        found = again | {name: found[name] + again[name] for name in ("calls", "total_s")}
    return found | {"clock_mhz": clocks, "clock_steady": _same(clocks)}


def _same(clocks: list[float | None]) -> bool | None:
    before, after = clocks[-2:]
    if before is None or after is None:
        return None
    return abs(after - before) <= _SAME_CLOCK * max(before, after)
