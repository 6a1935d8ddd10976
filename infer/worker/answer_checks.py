"""Check that a worker's answer fits what was asked, and what it has said before.

As many times as calls were asked for, none longer than the controller has waited, samples that
there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..profiling.recording import LONGEST_NAME, MOST_EVENTS, MOST_OPERATORS
from . import messages
from .message_codec import MessageError
from .messages import Request

# Seconds by which sums of times may be larger than the time that they were measured in, and the
# share by which the processor's may: it is counted in ticks.
_SLACK_S = 0.05
_SLACK = 1.1
_MOST_SAMPLES = 1 << 40
_MOST_DIMENSIONS = 64
_MOST_NOTES, _LONGEST_TEXT = 16, 2000
# Samples that may fill a call up to a number that the artifact takes.
_MOST_ADDED = 1 << 16


@dataclass
class Known:
    """What a worker has said of its artifact so far, which later answers must fit.

    Attributes:
        outputs: the outputs of its signature.
        samples: number of samples of its inputs.
        fixed: samples a call, if it takes no other number.
    """

    outputs: Sequence[Mapping[str, Any]] = field(default_factory=list)
    samples: int = 0
    fixed: int | None = None

    def learn(self, request: Request[Any], response: Any) -> None:
        """Take over what a valid response says."""
        if isinstance(request, messages.Load):
            self.outputs = response["signature"]["outputs"]
        elif isinstance(request, messages.Inputs):
            self.samples, self.fixed = response["samples"], response["fixed"]

    def calls(self, batch: int) -> int:
        """The number of batches in a pass over all samples."""
        return -(-self.samples // batch)


def check_fits(request: Request[Any], response: Any, known: Known, waited_s: float) -> None:
    """Check that a response fits what was asked.

    Raises:
        MessageError: it does not.
    """
    check = _CHECKS.get(type(request))
    if check is not None:
        check(request, response, known, waited_s)


def _expect(condition: bool, problem: str) -> None:
    if not condition:
        raise MessageError(problem)


def _within(seconds: float, waited_s: float) -> None:
    _expect(seconds <= waited_s + _SLACK_S, f"{seconds:.3g} s within {waited_s:.3g} s")


def _are_times(times: Iterable[float]) -> None:
    _expect(all(seconds > 0 for seconds in times), "a call that took no time")


def _names_twice(specs: Sequence[Mapping[str, Any]]) -> None:
    names = [spec["name"] for spec in specs]
    _expect(len(set(names)) == len(names), "a name of a tensor twice")


def _are_specs(specs: Sequence[Mapping[str, Any]]) -> None:
    for spec in specs:
        _expect(spec["range"] is None or len(spec["range"]) == 2, "a range of not two numbers")
        _expect(len(spec["shape"] or ()) <= _MOST_DIMENSIONS, "a shape of too many dimensions")


def _seconds(request: Any, response: Any, known: Known, waited_s: float) -> None:
    _within(response["seconds"], waited_s)


def _load(request: Any, response: Any, known: Known, waited_s: float) -> None:
    _within(response["seconds"], waited_s)
    for specs in response["signature"].values():
        _are_specs(specs)
        _names_twice(specs)


def _inputs(request: Any, response: Any, known: Known, waited_s: float) -> None:
    _are_specs(response["inputs"])
    _names_twice(response["inputs"])
    for name in ("samples", "fixed", "only_batch"):
        _expect((response[name] or 0) <= _MOST_SAMPLES, f"{name} of {response[name]}")


def _predict(request: messages.Predict, response: Any, known: Known, waited_s: float) -> None:
    _within(response["seconds"], waited_s)
    samples = known.samples - request.skip
    if request.samples is not None:
        samples = min(samples, request.samples)
    _expect(
        response["samples"] == samples, f"{response['samples']} samples, {samples} were asked for"
    )
    if response["reset"] is not None:
        _expect(response["reset"]["how"] in ("nothing", "reset", "load"), "an unknown reset")
        _within(response["reset"]["seconds"], waited_s)


def _repeat(request: Any, response: Any, known: Known, waited_s: float) -> None:
    _expect(response["changed_samples"] <= response["samples"], "more changed than repeated")
    labels = response["changed_labels"] or 0
    _expect(labels <= response["changed_samples"], "more labels changed than samples")


def _probe(request: Any, response: Any, known: Known, waited_s: float) -> None:
    axes = [axis for output in response["outputs"].values() for axis in output["axes"]]
    _expect(max(axes, default=0) < _MOST_DIMENSIONS, "an axis that no array has")


def _call_again(request: Any, response: Any, known: Known, waited_s: float) -> None:
    cosines = [cosine for cosine in response["cosines"].values() if cosine is not None]
    _expect(all(abs(cosine) <= 1.001 for cosine in cosines), "a cosine above 1")


def _check(request: messages.Check, response: Any, known: Known, waited_s: float) -> None:
    seconds = response["seconds"]
    _are_sizes(seconds, {1, request.batch})
    _expect(len(seconds) == len({1, request.batch}), "times of not all sizes")
    _are_times(seconds.values())
    _within(sum(seconds.values()), waited_s)


def _warm_up(request: Any, response: Any, known: Known, waited_s: float) -> None:
    _are_times([response["call_s"]])
    _within(response["call_s"], waited_s)
    _within(response["total_s"], waited_s)


def _device_time(
    request: messages.DeviceTime, response: Any, known: Known, waited_s: float
) -> None:
    _are_sizes(response["batches"], request.batches)
    for times in response["batches"].values():
        _expect(times["bound"] in (None, "device", "launches"), "an unknown bound")
        for name in ("call_s", "enqueue_s", "queued_s", "event_s", "copy_in_s", "copy_out_s"):
            _within(times[name] or 0.0, waited_s)


def _sweep(request: messages.Sweep, response: Any, known: Known, waited_s: float) -> None:
    rates = response["samples_per_s"]
    _are_sizes(rates, None)
    _expect(all(rate > 0 for rate in rates.values()), "a rate of 0")
    if request.most_samples is not None:
        most = max(map(int, rates), default=0)
        _expect(most <= request.most_samples, f"a batch of {most}, more than was asked for")


def _burst(request: messages.Burst, response: Any, known: Known, waited_s: float) -> None:
    calls = known.calls(request.batch) if request.calls is None else request.calls
    _expect(
        len(response["seconds"]) == calls,
        f"{len(response['seconds'])} times, {calls} calls were asked for",
    )
    _are_times(response["seconds"])
    _within(sum(response["seconds"]), waited_s)
    _within(response["cpu_s"], _SLACK * waited_s * (os.cpu_count() or 1))
    most = known.samples if request.calls is None else request.calls * request.batch
    _expect(0 < response["samples"] <= most, f"{response['samples']} samples in {calls} calls")
    _expect(response["untimed_samples"] <= 2 * request.batch, "more untimed samples than asked")
    rows = response.get("rows")
    _expect((rows is None) == (request.outputs is None), "rows that were not asked for, or none")
    if rows is not None:
        _expect(0 < len(rows) <= request.batch + _MOST_ADDED, "rows of no call")
        _expect(max(rows) < max(known.samples, 1), f"a sample {max(rows)} of {known.samples}")


def _overhead(request: messages.Overhead, response: Any, known: Known, waited_s: float) -> None:
    for times in (response["harness_s"], response["raw_s"]):
        _expect(len(times) == request.rounds, f"times of {len(times)} rounds")
        _are_times(times)
        _within(sum(times) * response["calls"], waited_s)


def _profile(request: messages.Profile, response: Any, known: Known, waited_s: float) -> None:
    operators, trace, notes = response["operators"], response["trace"], response["notes"]
    texts = [*notes, response["problem"], response["profiler"] or ""]
    _expect(len(notes) <= _MOST_NOTES and max(map(len, texts)) <= _LONGEST_TEXT, "texts too long")
    if response["profiler"] is None:
        _expect(not (operators or trace or response["calls_s"]), "a profile without a profiler")
        return
    calls_s, call_s = response["calls_s"], response["call_s"]
    _expect(len(calls_s) == request.calls, f"{len(calls_s)} calls of {request.calls}")
    for shape in response["shapes"].values():
        _expect(len(shape) <= _MOST_DIMENSIONS, "a shape of an input")
    _are_times([*calls_s, call_s])
    _within(sum(calls_s), waited_s)
    _expect(min(calls_s) <= call_s * _SLACK and call_s <= max(calls_s) * _SLACK, "another call")
    _expect(len(operators) <= MOST_OPERATORS, f"{len(operators)} operators")
    _expect(len(trace) <= MOST_EVENTS, f"{len(trace)} events")
    for operator in operators:
        for name in ("name", "kind"):
            _expect(len(operator[name]) <= LONGEST_NAME, f"a {name} of an operator that is long")
        for name in ("output", "weights"):
            _expect(len(operator[name] or ()) <= _MOST_DIMENSIONS, "a shape of an operator")
    busy_s = sum(operator["seconds"] for operator in operators)
    _expect(busy_s <= call_s * _SLACK, f"operators of {busy_s:.3g} s in a call of {call_s:.3g} s")
    for event in trace:
        _expect(event["operator"] < len(operators), "an event of no operator")
        end_s = event["start_s"] + event["seconds"]
        _expect(end_s <= max(calls_s) * _SLACK, "an event after its call")


def _find_batch(request: Any, response: Any, known: Known, waited_s: float) -> None:
    limits = response["limits"]
    if limits is None:
        return
    _expect(response["failed"] is not None, "limits without a number that fails")
    largest = limits["most"]
    smallest = -(-limits["least"] // limits["multiple"]) * limits["multiple"]
    _expect(smallest <= (largest or _MOST_SAMPLES), "limits that no number has")


def _find_ranges(request: Any, response: Any, known: Known, waited_s: float) -> None:
    for ends in response["ranges"].values():
        _expect(len(ends) == 2 and ends[0] <= ends[1], "a range without two ends")


def _are_sizes(keys: Iterable[str], allowed: Collection[int] | None) -> None:
    """Check that keys are numbers of samples, as they are written, and allowed ones."""
    for key in keys:
        is_number = key.isascii() and key.isdecimal() and len(key) < 10 and key == str(int(key))
        _expect(is_number and int(key) > 0, "a size that is no number")
        _expect(allowed is None or int(key) in allowed, f"a size of {key} was not asked for")


_Check = Callable[[Any, Any, Known, float], None]
_CHECKS: Mapping[type[Request[Any]], _Check] = {
    messages.Start: _seconds,
    messages.Load: _load,
    messages.Inputs: _inputs,
    messages.FirstCall: _seconds,
    messages.Predict: _predict,
    messages.Repeat: _repeat,
    messages.BatchProbe: _probe,
    messages.CallAgain: _call_again,
    messages.Check: _check,
    messages.WarmUp: _warm_up,
    messages.DeviceTime: _device_time,
    messages.Sweep: _sweep,
    messages.Burst: _burst,
    messages.Overhead: _overhead,
    messages.Profile: _profile,
    messages.FindBatch: _find_batch,
    messages.FindRanges: _find_ranges,
}
