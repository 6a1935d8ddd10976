"""Measure a call's time on the device: by events, queued, and without copies.

Part of the worker; imports only NumPy.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..runtimes.base import Arrays, Model

# Untimed calls before the first timed one, during which the clock of an idle card rises.
_READY_S = 0.1
# Seconds that a figure may take, and the number of calls that it is the median of.
_FIGURE_S = 0.2
_LEAST_CALLS, _MOST_CALLS = 5, 64
_COPIES = 7
_QUEUES = 5
# A runtime has returned early if this share of a call remained to be waited for; a wait of fewer
# seconds may be the time of the sync itself.
_LEFT_SHARE, _LEFT_S = 0.25, 5e-5
# If calls without a wait take less than this share of calls with a wait, sync ignores them.
_WAITED_SHARE = 0.5
# The device waits for the host if enqueueing takes this share of the time of queued calls.
_LAUNCH_SHARE = 0.8
# Multiple of the largest batch whose call keeps a device busy for longer than it is enqueued.
_BUSY = 8
_LARGEST_BYTES = 2 << 30


def device_times(
    model: Model, batches: Sequence[int], inputs_of: Callable[[int], Arrays]
) -> dict[str, Any]:
    """Time calls of several sizes, and find what limits their rate.

    Args:
        model: model that has been called before.
        batches: numbers of samples in a call.
        inputs_of: makes the inputs for a number of samples.

    Returns:
        `batches`: by size, the results of `device_time` and `bound`. `returns_early`: whether the
        runtime was observed to return before the device was done. `failed`: why a size could not be
        timed, which does not fail the artifact.
    """
    timings: dict[int, dict[str, Any]] = {}
    failed = None
    early = False
    # The last size is tried only if it is not known yet whether the runtime waits.
    for batch in dict.fromkeys([*batches, _BUSY * max(batches)]):
        wanted = batch in batches
        if early and not wanted:
            break
        try:
            inputs = inputs_of(batch)
            if not wanted and _bytes(inputs) > _LARGEST_BYTES:
                break
            timing = device_time(model, inputs)
        except Exception as error:
            failed = failed or (f"{type(error).__name__}: {error}"[:300] if wanted else None)
            continue
        early |= returns_early(timing)
        if wanted:
            timings[batch] = timing
    return {
        "batches": {
            batch: timing | {"bound": bound(timing, early=early)}
            for batch, timing in timings.items()
        },
        "returns_early": early,
        "failed": failed,
    }


def device_time(model: Model, inputs: Arrays) -> dict[str, Any]:
    """Time calls on staged inputs.

    Args:
        model: model that has been called with a batch of this size before.
        inputs: inputs of a batch.

    Returns:
        Median seconds: `call_s` from the enqueueing of a call to the end of its sync, `enqueue_s`
        the part of that during which the host is busy, `queued_s` for each of several calls that
        are enqueued one after the other with one sync (`queued_calls`), `event_s` by the device's
        events (None if the runtime has none), `copy_in_s` and `copy_out_s` with `copy_in_bytes` and
        `copy_out_bytes`.
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


def returns_early(timing: dict[str, Any]) -> bool:
    """Whether the calls returned before the device was done with them."""
    left_s = timing["call_s"] - timing["enqueue_s"]
    return bool(left_s >= max(_LEFT_SHARE * timing["call_s"], _LEFT_S))


def bound(timing: dict[str, Any], *, early: bool) -> str | None:
    """Find what limits the rate of queued calls: "device", or "launches" if it waits for the host.

    Args:
        timing: the results of `device_time`.
        early: whether the runtime was observed to return before the device was done, in calls of
            any size. If it never did, the limit is unknown: it may wait for the device itself.
    """
    if not early:
        return None
    # The time to enqueue is measured with an empty queue: with a full one the host would wait.
    pace_s = min(timing["queued_s"], timing["call_s"])
    return "launches" if timing["enqueue_s"] >= _LAUNCH_SHARE * pace_s else "device"


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())


def _not_waiting(model: Model, staged: Any, call_s: float) -> Callable[[Any], Any]:
    """Return the function that enqueues a call: `enqueue`, if available and if sync waits for it.

    Args:
        model: model to call.
        staged: staged inputs.
        call_s: seconds of a call that waits.
    """
    if not model.can_enqueue:
        return model.run_staged
    waited = [sum(_call(model, model.enqueue, staged)) for _ in range(_LEAST_CALLS)]
    taken_s = statistics.median(waited)
    model.fetch(model.run_staged(staged))  # waits for all remaining calls
    return model.enqueue if taken_s >= _WAITED_SHARE * call_s else model.run_staged


def _event_s(model: Model, staged: Any, calls: int) -> float | None:
    """Median seconds of `calls` calls by the device's events; None if it has none."""
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
    """Seconds of a queued call. Only the last result is kept: a device finishes calls in order."""
    begin = time.perf_counter()
    for _ in range(calls):
        result = run(staged)
    model.sync(result)
    return (time.perf_counter() - begin) / calls


def _seconds(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin
