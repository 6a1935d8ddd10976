"""Warm-up, as the controller requests it: until calls, and the clock of a card, are steady."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..system.nvml import Card
from ..worker import messages
from ..worker.client import WorkerProcess
from ..workload import Workload

# An idle card runs at a fraction of its clock and takes a few hundred milliseconds to raise it;
# until then calls can be steady and slow. A warm-up on a card takes at least this long.
WARM_UP_S = 0.5
# Between two bursts a card waits for some milliseconds. Its clock hardly falls meanwhile, but its
# caches and queue were used by another process, so a tenth of a warm-up is run untimed. Slow calls,
# of which few fit into the limit, raise the clock during the first call.
SPIN_UP_S = 0.05
SPIN_UP_LIMIT_S = 0.5
# A card's clock changes in steps of 15 MHz, and at the power limit it moves by one or two steps:
# two clocks count as equal if they differ by no more than this share.
_SAME_CLOCK = 0.03

# Returns the clock of the card in MHz; None if the driver does not report it.
Clock = Callable[[], float | None]


class WarmUp:
    """Warms workers up, for as long as the protocol allows.

    Args:
        limit_s: seconds after which a warm-up ends, steady or not.
        device: "cpu" or "cuda".
        card: card whose clock must be steady too; None on cuda for the fake runtime, which has no
            clock.
    """

    def __init__(self, limit_s: float, device: str, card: Card | None) -> None:
        self._limit_s = limit_s
        self._clock: Clock | None = None
        if device == "cuda":
            self._clock = lambda: card.sm_mhz if card else None

    def until_steady(self, worker: WorkerProcess, workload: Workload) -> dict[str, Any]:
        """Warm up for a workload before it is timed for the first time."""
        least_s = WARM_UP_S if self._clock else 0.0
        # With pauses between calls a clock may never become steady.
        clock = None if workload.gap_s else self._clock
        answer = warmed_up(worker, workload.call, self._limit_s, least_s=least_s, clock=clock)
        return answer | {"workload": workload}

    def before_burst(self, worker: WorkerProcess, workload: Workload) -> dict[str, Any] | None:
        """Spin up a card that has waited since the last burst; None if that is not needed."""
        # With pauses between calls, a service would find the card idle too.
        if self._clock is None or workload.gap_s:
            return None
        answer = warmed_up(
            worker, workload.call, SPIN_UP_LIMIT_S, least_s=SPIN_UP_S, clock=self._clock
        )
        return answer | {"workload": workload}


def warmed_up(
    worker: WorkerProcess,
    call: Mapping[str, Any],
    limit_s: float,
    *,
    least_s: float = 0.0,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Warm up a worker until its calls are steady, and repeat that until the clock is.

    Args:
        worker: worker that has read its inputs.
        call: fields of the request: batch, pause and boundary.
        limit_s: seconds after which it ends, steady or not; the repetitions have as long again.
        least_s: seconds that it takes at least.
        clock: clock of the card; None on a processor.

    Returns:
        The worker's response, summed over all rounds. With a clock also `clock_mhz`, before and
        after each round, and `clock_steady`, None if the clock is not reported.
    """
    clocks = [clock()] if clock else []
    response = worker.ask(messages.WarmUp(**call, limit_s=limit_s, least_s=least_s))
    total: dict[str, Any] = {**response}
    if clock is None:
        return total
    clocks.append(clock())
    begin = time.monotonic()
    while _same(clocks) is False and (left := limit_s - (time.monotonic() - begin)) > 0:
        again = worker.ask(messages.WarmUp(**call, limit_s=left, least_s=min(least_s, left)))
        clocks.append(clock())
        total = again | {name: total[name] + again[name] for name in ("calls", "total_s")}
    return total | {"clock_mhz": clocks, "clock_steady": _same(clocks)}


def _same(clocks: list[float | None]) -> bool | None:
    before, after = clocks[-2:]
    if before is None or after is None:
        return None
    return abs(after - before) <= _SAME_CLOCK * max(before, after)
