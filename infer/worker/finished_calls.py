"""Check that the calls of a model are finished when they return."""

from __future__ import annotations

import statistics
import time

import numpy as np

from ..runtimes.base import Arrays, Model
from ..tensors.differences import differences
from .messages import Check
from .prepared_model import PreparedModel, copied
from .responses import CheckResponse

_CHECKED_CALLS = 3
# Hidden work that distinguishes an unfinished call from noise, and the wait that reveals it.
_LEAST_HIDDEN_S = 1e-3
_LEAST_WAIT_S = 0.02


def check(prepared: PreparedModel, request: Check) -> CheckResponse:
    """Check whether calls are finished when they return, and whether time grows with the batch."""
    batch = request.batch
    single, full = prepared.batches(1)[0], prepared.batches(batch).full(0)
    prepared.timed(single)
    # In turn, and the shortest of each: other programs on the machine only make calls slower.
    seconds: dict[int, list[float]] = {1: [], batch: []}
    for _ in range(_CHECKED_CALLS):
        for size, inputs in ((1, single), (batch, full)):
            seconds[size].append(prepared.timed(inputs)[0])
    shortest = {size: min(times) for size, times in seconds.items()}
    return {
        "seconds": {str(size): time_s for size, time_s in shortest.items()},
        "unfinished": unfinished(prepared.model, full, shortest[batch]),
    }


def unfinished(model: Model, inputs: Arrays, call_s: float) -> str | None:
    """Describe the unfinished work of a runtime that returns too early; None if there is none.

    A call may seem short because it returns early; the time to fetch a staged result shows how long
    to wait for it.
    """
    begin = time.perf_counter()
    model.fetch(model.run_staged(model.stage(inputs)))
    wait_s = 2 * max(call_s, time.perf_counter() - begin) + _LEAST_WAIT_S
    outputs = model.run(inputs)
    at_once = copied(outputs)
    time.sleep(wait_s)
    for name, array in outputs.items():
        if differences(np.asarray(array), at_once[name]).any():
            return f"'{name}' changed after the call had returned"

    # On a busy machine a fetch may take long by chance, but not every time.
    hidden_s = [_hidden_s(model, inputs, wait_s)]
    while hidden_s[-1] and len(hidden_s) < _CHECKED_CALLS:
        hidden_s.append(_hidden_s(model, inputs, wait_s))
    if hidden_s[-1]:
        return f"the device was busy for {min(hidden_s):.2g} s after sync had returned"
    return None


def _hidden_s(model: Model, inputs: Arrays, wait_s: float) -> float:
    """Seconds of work left after sync: a fetch is shorter after a wait. 0 for none."""
    at_once_s = statistics.median(_fetch_s(model, inputs, 0)[0] for _ in range(_CHECKED_CALLS))
    later_s, synced_s = _fetch_s(model, inputs, wait_s)
    hidden_s = at_once_s - later_s
    return hidden_s if hidden_s > max(_LEAST_HIDDEN_S, 0.5 * (synced_s + hidden_s)) else 0.0


def _fetch_s(model: Model, inputs: Arrays, pause_s: float) -> tuple[float, float]:
    """Seconds of a fetch after a pause, and of the call and sync before it."""
    staged = model.stage(inputs)
    begin = time.perf_counter_ns()
    result = model.run_staged(staged)
    model.sync(result)
    synced = time.perf_counter_ns()
    time.sleep(pause_s)
    fetched = time.perf_counter_ns()
    model.fetch(result)
    return (time.perf_counter_ns() - fetched) / 1e9, (synced - begin) / 1e9
