"""What a call takes on the device itself: by its events, queued, and with copies apart.

A part of the worker; no more than NumPy is imported.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..runtimes.base import Arrays, Model

# Calls before any is timed: the clock of a card that was idle rises meanwhile.
_READY_S = 0.1
# What one figure may take, and the calls that it is the median of.
_FIGURE_S = 0.2
_LEAST_CALLS, _MOST_CALLS = 5, 64
_COPIES = 7
_QUEUES = 5
# A runtime has returned before the device was done if it left so much of a call to wait for. Less
# seconds may be the sync's own.
_LEFT_SHARE, _LEFT_S = 0.25, 5e-5
# Calls that do not wait must take so much of those that do, or the sync does not wait for them.
_WAITED_SHARE = 0.5
# The device waits for the host if enqueueing takes so much of what queued calls take.
_LAUNCH_SHARE = 0.8
# Times the largest batch: a call that keeps a device busy for longer than it takes to enqueue.
_BUSY = 8
_LARGEST_BYTES = 2 << 30


def device_times(
    model: Model, batches: Sequence[int], inputs_of: Callable[[int], Arrays]
) -> dict[str, Any]:
    """Time calls of several sizes, and say what sets their pace.

    Args:
        model: that has been called.
        batches: samples a call.
        inputs_of: makes the inputs of so many.

    Returns:
        `batches`: by size what `device_time` finds, and `bound`. `returns_early`: whether the
        runtime was seen to return before the device was done. `failed`: why one of the sizes could
        not be timed: that is beside what is measured for certain, and ends nothing.
    """
    found: dict[int, dict[str, Any]] = {}
    failed = None
    early = False
    # The last is tried only where it cannot yet be told whether the runtime waits.
    for batch in dict.fromkeys([*batches, _BUSY * max(batches)]):
        wanted = batch in batches
        if early and not wanted:
            break
        try:
            inputs = inputs_of(batch)
            if not wanted and _bytes(inputs) > _LARGEST_BYTES:
                break
            one = device_time(model, inputs)
        except Exception as error:
            failed = failed or (f"{type(error).__name__}: {error}"[:300] if wanted else None)
            continue
        early |= returns_early(one)
        if wanted:
            found[batch] = one
    return {
        "batches": {
            batch: one | {"bound": bound(one, early=early)} for batch, one in found.items()
        },
        "returns_early": early,
        "failed": failed,
    }


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
    run: Callable[[Any], Any] = model.run_staged
    begin = time.perf_counter()
    ready = [sum(_call(model, run, staged))]
    while time.perf_counter() - begin < _READY_S:
        ready.append(sum(_call(model, run, staged)))
    ready_s = max(statistics.median(ready), 1e-6)
    calls = min(max(math.ceil(_FIGURE_S / ready_s), _LEAST_CALLS), _MOST_CALLS)
    run = _not_waiting(model, staged, ready_s)
    single = [_call(model, run, staged) for _ in range(calls)]
    call_s = statistics.median(enqueue + rest for enqueue, rest in single)
    enqueue_s = statistics.median(enqueue for enqueue, _ in single)
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
        "queued_s": statistics.median(_queued(model, run, staged, calls) for _ in range(_QUEUES)),
        "queued_calls": calls,
        "event_s": _event_s(model, staged, calls),
        "copy_in_s": statistics.median(copies_in),
        "copy_in_bytes": _bytes(inputs),
        "copy_out_s": statistics.median(copies_out),
        "copy_out_bytes": _bytes(outputs),
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
    pace_s = min(found["queued_s"], found["call_s"])
    return "launches" if found["enqueue_s"] >= _LAUNCH_SHARE * pace_s else "device"


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())


def _not_waiting(model: Model, staged: Any, call_s: float) -> Callable[[Any], Any]:
    """What enqueues a call: `enqueue` where a runtime has it, if the sync waits for it then.

    Args:
        model: that is called.
        staged: inputs.
        call_s: seconds of a call that waits.
    """
    if not model.can_enqueue:
        return model.run_staged
    waited = [sum(_call(model, model.enqueue, staged)) for _ in range(_LEAST_CALLS)]
    taken_s = statistics.median(waited)
    model.fetch(model.run_staged(staged))  # which waits for all that is left
    return model.enqueue if taken_s >= _WAITED_SHARE * call_s else model.run_staged


def _event_s(model: Model, staged: Any, calls: int) -> float | None:
    """The median of so many calls by the device's own events; None where it has none."""
    seconds: list[float] = []
    for _ in range(calls):
        event_s = model.event_seconds(staged)
        if event_s is None:
            return None
        seconds.append(event_s)
    return statistics.median(seconds)


def _call(model: Model, run: Callable[[Any], Any], staged: Any) -> tuple[float, float]:
    begin = time.perf_counter()
    result = run(staged)
    enqueued = time.perf_counter()
    model.sync(result)
    return enqueued - begin, time.perf_counter() - enqueued


def _queued(model: Model, run: Callable[[Any], Any], staged: Any, calls: int) -> float:
    """Seconds a call. Only the last result is kept: a device finishes in the order of calls."""
    begin = time.perf_counter()
    for _ in range(calls):
        result = run(staged)
    model.sync(result)
    return (time.perf_counter() - begin) / calls


def _seconds(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin
