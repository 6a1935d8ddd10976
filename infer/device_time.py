"""What a call takes on the device itself: by its events, queued, and with copies apart.

A part of the worker; no more than NumPy is imported.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

from infer.runtimes.base import Arrays, Model

# Calls before any is timed: the clock of a card that was idle rises meanwhile.
_READY_S = 0.1
# What one figure may take, and the calls that it is the median of.
_FIGURE_S = 0.2
_LEAST_CALLS, _MOST_CALLS = 5, 64
_COPIES = 7
_QUEUES = 3
# A runtime has returned before the device was done if it left so much of a call to wait for. Less
# seconds may be the sync's own.
_LEFT_SHARE, _LEFT_S = 0.25, 5e-5
# The device waits for the host if enqueueing takes so much of what queued calls take.
_LAUNCH_SHARE = 0.8


def device_time(model: Model, inputs: Arrays) -> dict[str, Any]:
    """Time calls on staged inputs.

    Args:
        model: that has been called with a batch of this size before.
        inputs: of a batch.

    Returns:
        Seconds, each a median: `call_s` from the enqueueing of one call to the end of its sync,
        `enqueue_s` what of that the host needs before it can do something else, `queued_s` of a
        call of several that are enqueued one after the other with one sync (`queued_calls`),
        `event_s` by the device's own events (None where the runtime has none), `copy_in_s` and
        `copy_out_s` with `copy_in_bytes` and `copy_out_bytes`.
    """
    staged = model.stage(inputs)
    begin = time.perf_counter()
    ready_s = 0.0
    while time.perf_counter() - begin < _READY_S:
        ready_s = sum(_call(model, staged))
    calls = min(max(math.ceil(_FIGURE_S / max(ready_s, 1e-6)), _LEAST_CALLS), _MOST_CALLS)
    single = [_call(model, staged) for _ in range(calls)]
    call_s = statistics.median(enqueue + rest for enqueue, rest in single)
    enqueue_s = statistics.median(enqueue for enqueue, _ in single)
    events = getattr(model, "event_seconds", None)
    copies_in = [_seconds(lambda: model.stage(inputs)) for _ in range(_COPIES)]
    copies_out, outputs = [], {}
    for _ in range(_COPIES):
        result = model.run_staged(staged)
        model.sync(result)
        begin = time.perf_counter()
        outputs = model.fetch(result)
        copies_out.append(time.perf_counter() - begin)
    return {
        "call_s": call_s,
        "enqueue_s": enqueue_s,
        "queued_s": statistics.median(_queued(model, staged, calls) for _ in range(_QUEUES)),
        "queued_calls": calls,
        "event_s": statistics.median(events(staged) for _ in range(calls)) if events else None,
        "copy_in_s": statistics.median(copies_in),
        "copy_in_bytes": sum(array.nbytes for array in inputs.values()),
        "copy_out_s": statistics.median(copies_out),
        "copy_out_bytes": sum(array.nbytes for array in outputs.values()),
    }


def returns_early(found: dict[str, Any]) -> bool:
    """Whether the calls returned before the device was done with them."""
    left_s = found["call_s"] - found["enqueue_s"]
    return bool(left_s >= max(_LEFT_SHARE * found["call_s"], _LEFT_S))


def bound(found: dict[str, Any], *, early: bool) -> str | None:
    """What sets the pace of queued calls: "device", or "launches" if it waits for the host.

    Args:
        found: what `device_time` found.
        early: whether the runtime has been seen to return before the device was done, in calls of
            any size. Of one that never did it cannot be told: it may wait for the device itself.
    """
    if not early:
        return None
    # The time to enqueue is that into an empty queue: into a full one the host waits for room.
    return "launches" if found["enqueue_s"] >= _LAUNCH_SHARE * found["queued_s"] else "device"


def _call(model: Model, staged: Any) -> tuple[float, float]:
    begin = time.perf_counter()
    result = model.run_staged(staged)
    enqueued = time.perf_counter()
    model.sync(result)
    return enqueued - begin, time.perf_counter() - enqueued


def _queued(model: Model, staged: Any, calls: int) -> float:
    """Seconds a call. Only the last result is kept: a device finishes in the order of calls."""
    begin = time.perf_counter()
    for _ in range(calls):
        result = model.run_staged(staged)
    model.sync(result)
    return (time.perf_counter() - begin) / calls


def _seconds(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin
