"""The worker's measurements: warm-up, bursts of calls, sweeps of the batch, and overhead."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from ..runtimes.base import Arrays
from ..runtimes.memory_errors import is_out_of_memory
from ..stats.warm_up_rule import Steadiness
from ..tensors.call_writer import write_calls
from ..workload import END_TO_END
from .error_text import one_line
from .messages import Burst, Overhead, Sweep, WarmUp
from .predicting import saving
from .prepared_model import PreparedModel
from .responses import BurstResponse, OverheadResponse, SweepResponse, WarmUpResponse

# Number of blocks of calls in the shortest warm-up of a card.
_BLOCKS = 12
_CALLS_PER_FIGURE = 3
_LARGEST_BATCH = {"cpu": 1024, "cuda": 16384}
_LARGEST_BATCH_BYTES = 2 << 30
# Seconds of calls before a batch of a sweep is timed: a card is idle while a batch is compiled.
_READY_S = 0.05
# Bytes of inputs that are made before the calls that take them.
_AHEAD_BYTES = 16 << 20
# A sweep ends when throughput grows by less than this share over two doublings of the batch.
_GROWTH = 0.03


def warm_up(prepared: PreparedModel, request: WarmUp) -> WarmUpResponse:
    """Call until the calls are steady (stats/warm_up_rule.py), or the limit is reached."""
    call = prepared.caller(request.boundary, prepared.batches(request.batch).full(0))
    warm_up = Steadiness(request.least_s / _BLOCKS)
    calls, total_s = 0, 0.0
    begin: float | None = None
    while True:
        if request.gap_s:
            time.sleep(request.gap_s)
        seconds = call()
        now = time.perf_counter()
        begin = begin or now
        calls, total_s = calls + 1, total_s + seconds
        warm_up.add(seconds, now)
        spent_s = now - begin
        if spent_s >= request.limit_s or (warm_up.steady and spent_s >= request.least_s):
            return {
                "calls": calls,
                "total_s": total_s,
                "call_s": warm_up.call_s,
                "steady": warm_up.steady,
            }


def burst(prepared: PreparedModel, request: Burst) -> BurstResponse:
    """Time calls on successive batches.

    Raises:
        StorageError: the outputs cannot be written.
    """
    batches = prepared.batches(request.batch)
    if request.calls is None:
        numbers, inputs_of = range(len(batches)), batches.__getitem__
        counts = [batches.samples(i) for i in numbers]
    else:
        numbers = range(request.first, request.first + request.calls)
        inputs_of = batches.full
        counts = [prepared.samples_of_full(request.batch)] * request.calls
    # Some runtimes compile separately for a last batch of another size.
    for number in dict(zip(reversed(counts), reversed(numbers), strict=True)).values():
        call = prepared.caller(request.boundary, inputs_of(number))
        call()
    seconds: list[float] = []
    cpu_ns = 0
    for part in _made_ahead(inputs_of, numbers):
        call = prepared.caller(request.boundary, part)
        if request.gap_s:
            time.sleep(request.gap_s)
        cpu = time.process_time_ns()
        seconds.append(call())
        cpu_ns += time.process_time_ns() - cpu
    response: BurstResponse = {
        "seconds": seconds,
        "cpu_s": cpu_ns / 1e9,
        "samples": sum(counts),
        "untimed_samples": sum(set(counts)),
    }
    if request.outputs:
        rows = batches.rows(numbers[-1])[: counts[-1]].tolist()
        if request.calls is None:  # the last batch of a pass may be smaller
            rows = [numbers[-1] * request.batch + place for place in range(counts[-1])]
        last = prepared.calls(rows)[-1]  # of an artifact that takes a fixed number
        with saving(Path(request.outputs)):
            write_calls(Path(request.outputs), [call.fetch()], [last])
        response["rows"] = list(last.rows)
    return response


def sweep(prepared: PreparedModel, device: str, request: Sweep) -> SweepResponse:
    """Double the batch until throughput no longer grows, or memory or time runs out."""
    rates: dict[int, float] = {}
    no_memory = None
    begin, timed_s = time.perf_counter(), 0.0
    ended = f"batches above {_LARGEST_BATCH[device]} are not tried"
    batch = 1
    most = request.most_samples or _LARGEST_BATCH[device]
    while batch <= _LARGEST_BATCH[device]:
        if batch > most:
            ended = f"a batch above {most} would hold samples several times"
            break
        if timed_s > request.limit_s:
            ended = f"{request.limit_s:g} s were over"
            break
        if time.perf_counter() - begin > request.patience_s:
            ended = f"{request.patience_s:g} s were over, most of them before calls could be timed"
            break
        try:
            inputs = prepared.batches(batch).full(0)
            if _bytes(inputs) > _LARGEST_BATCH_BYTES:
                ended = f"a batch of {batch} is larger than {_LARGEST_BATCH_BYTES >> 30} GiB"
                break
            call = prepared.caller(END_TO_END, inputs)
            call()
            ready = time.perf_counter()
            while device == "cuda" and time.perf_counter() - ready < _READY_S:
                call()
            seconds = min(call() for _ in range(_CALLS_PER_FIGURE))
            timed_s += time.perf_counter() - ready
        except Exception as error:
            if is_out_of_memory(error):
                ended, no_memory = f"no memory for a batch of {batch}", batch
            elif rates:  # some libraries overflow 32-bit counters
                ended = f"a batch of {batch} failed: {one_line(error)}"
            else:
                raise
            break
        rates[batch] = batch / seconds
        recent = list(rates.values())[-3:]
        if len(recent) == 3 and max(recent[1:]) < recent[0] * (1 + _GROWTH):
            ended = "throughput no longer grew"
            break
        batch *= 2
    return {
        "samples_per_s": {str(batch): rate for batch, rate in rates.items()},
        "ended": ended,
        "no_memory": no_memory,
    }


def overhead(prepared: PreparedModel, request: Overhead) -> OverheadResponse:
    """Time calls through the harness and in a loop of raw calls, in turn.

    Both use the same batches.
    """
    batches = prepared.batches(request.batch)
    call_s = statistics.median(prepared.timed(batches.full(0))[0] for _ in range(_CALLS_PER_FIGURE))
    calls = max(2, round(request.burst_s / call_s))
    inputs = _some_ahead(batches.full, range(calls))
    made = [prepared.model.raw_call(part) for part in inputs]
    raw_calls = list(islice(cycle(made), calls))
    harness_s: list[float] = []
    raw_s: list[float] = []
    for _ in range(request.rounds):
        timed = burst(prepared, Burst(request.batch, calls, 0))
        harness_s.append(statistics.fmean(timed["seconds"]))
        raw_calls[0]()
        begin = time.perf_counter_ns()
        for call in raw_calls:
            call()
        raw_s.append((time.perf_counter_ns() - begin) / 1e9 / calls)
    return {"harness_s": harness_s, "raw_s": raw_s, "calls": calls}


def _made_ahead(inputs_of: Callable[[int], Arrays], numbers: Sequence[int]) -> Iterator[Arrays]:
    """The inputs of calls, some made ahead where they are small, so that calls follow closely."""
    done = 0
    while done < len(numbers):
        inputs = _some_ahead(inputs_of, numbers[done:])
        done += len(inputs)
        while inputs:  # what was called with is not held
            yield inputs.pop(0)


def _some_ahead(inputs_of: Callable[[int], Arrays], numbers: Sequence[int]) -> list[Arrays]:
    """The inputs of the next call, and of those after it that fit into `_AHEAD_BYTES`."""
    inputs = [inputs_of(numbers[0])]
    count = min(len(numbers), _AHEAD_BYTES // max(_bytes(inputs[0]), 1))
    return inputs + [inputs_of(number) for number in numbers[1:count]]


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
