"""From recorded calls to the seconds that each operator accounts for.

Every moment of a call belongs to the operators that run in it: to the innermost one of a thread,
and in equal parts to those of several threads. So the seconds of all operators are at most those of
the call, and what is left is time in which no operator ran.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .recording import LONGEST_NAME, MOST_EVENTS, MOST_OPERATORS, OperatorEvent, RecordedCall


@dataclass(frozen=True)
class OperatorTime:
    """An operator of a call.

    Attributes:
        name, kind, output, weights: as in `OperatorEvent`.
        seconds: that it accounts for in a call, the mean over the calls that are kept.
    """

    name: str
    kind: str
    seconds: float
    output: tuple[int, ...] | None = None
    weights: tuple[int, ...] | None = None


@dataclass(frozen=True)
class TracedEvent:
    """An event of the call that is shown as a trace.

    Attributes:
        operator: number of its operator.
        thread: number of its thread.
        start_s, seconds: since the call began, and how long it took.
    """

    operator: int
    thread: int
    start_s: float
    seconds: float


@dataclass(frozen=True)
class AttributedTime:
    """The time of calls by operator, in the order in which they first ran, and one call as events.

    Attributes:
        call_s: seconds of a call, the mean over the calls that are kept.
        operators: the operators of a call.
        trace: the events of the call of median length.
        left_out: events of that call that were too many to be kept.
    """

    call_s: float
    operators: tuple[OperatorTime, ...]
    trace: tuple[TracedEvent, ...]
    left_out: int


def attribute(calls: Sequence[RecordedCall]) -> AttributedTime:
    """The time of calls by operator.

    It is the mean over the half of the calls whose length is nearest to the median, so that one
    disturbed call does not count and the parts still add up to the whole.

    Args:
        calls: at least one.
    """
    by_length = sorted(calls, key=lambda call: call.seconds)
    quarter = len(by_length) // 4
    kept = by_length[quarter : len(by_length) - quarter]
    median = by_length[len(by_length) // 2]
    sums: defaultdict[tuple[str, int], float] = defaultdict(float)
    first: dict[tuple[str, int], tuple[int, OperatorEvent]] = {}
    for call in kept:
        keys = _occurrences(call)
        for event, seconds in _shares(call).items():
            key = keys[event]
            sums[key] += seconds / len(kept)
            offset = call.events[event].start_ns - call.start_ns
            if key not in first or offset < first[key][0]:
                first[key] = offset, call.events[event]
    order = sorted(first, key=lambda key: first[key][0])
    if len(order) > MOST_OPERATORS:  # the longest ones stay
        longest = set(heapq.nlargest(MOST_OPERATORS - 1, order, key=lambda key: sums[key]))
        rest = [key for key in order if key not in longest]
        order = [key for key in order if key in longest]
    else:
        rest = []
    operators = [_operator(first[key][1], sums[key]) for key in order]
    numbers = {key: number for number, key in enumerate(order)}
    if rest:
        numbers |= dict.fromkeys(rest, len(operators))
        seconds = sum(sums[key] for key in rest)
        operators.append(OperatorTime(f"({len(rest)} shorter operators)", "", seconds))
    trace = _trace(median, numbers)
    return AttributedTime(
        call_s=sum(call.seconds for call in kept) / len(kept),
        operators=tuple(operators),
        trace=tuple(trace[:MOST_EVENTS]),
        left_out=len(trace) - len(trace[:MOST_EVENTS]),
    )


def _operator(event: OperatorEvent, seconds: float) -> OperatorTime:
    return OperatorTime(
        event.name[:LONGEST_NAME], event.kind[:LONGEST_NAME], seconds, event.output, event.weights
    )


def _occurrences(call: RecordedCall) -> list[tuple[str, int]]:
    """For each event its name, and the number of the event among those of the name in the call."""
    counts: defaultdict[str, int] = defaultdict(int)
    keys: list[tuple[str, int]] = [("", 0)] * len(call.events)
    for place in sorted(range(len(call.events)), key=lambda place: call.events[place].start_ns):
        name = call.events[place].name
        keys[place] = name, counts[name]
        counts[name] += 1
    return keys


def _shares(call: RecordedCall) -> dict[int, float]:
    """The seconds of the call that each event accounts for, by its place in the call."""
    moments: list[tuple[int, int, int]] = []
    for place, event in enumerate(call.events):
        start, end = max(event.start_ns, call.start_ns), min(event.end_ns, call.end_ns)
        if end > start:
            # What ends comes before what begins; of what begins together the longer comes first.
            moments.append((start, end, place))
    begins = sorted(moments, key=lambda moment: (moment[0], -moment[1]))
    ends = sorted(moments, key=lambda moment: moment[1])
    seconds = dict.fromkeys(range(len(call.events)), 0.0)
    stacks: dict[int, list[int]] = {}
    now, begun, ended = call.start_ns, 0, 0
    while ended < len(ends):
        is_end = begun == len(begins) or ends[ended][1] <= begins[begun][0]
        then = ends[ended][1] if is_end else begins[begun][0]
        if then > now and stacks:
            part = (then - now) / 1e9 / len(stacks)
            for stack in stacks.values():
                seconds[stack[-1]] += part
        now = then
        if is_end:
            place = ends[ended][2]
            thread = call.events[place].thread
            stacks[thread].remove(place)
            if not stacks[thread]:
                del stacks[thread]
            ended += 1
        else:
            place = begins[begun][2]
            stacks.setdefault(call.events[place].thread, []).append(place)
            begun += 1
    return seconds


def _trace(call: RecordedCall, numbers: dict[tuple[str, int], int]) -> list[TracedEvent]:
    threads: dict[int, int] = {}
    trace = []
    ordered = sorted(
        zip(call.events, _occurrences(call), strict=True), key=lambda pair: pair[0].start_ns
    )
    for event, key in ordered:
        start, end = max(event.start_ns, call.start_ns), min(event.end_ns, call.end_ns)
        if key in numbers and end >= start:
            thread = threads.setdefault(event.thread, len(threads))
            trace.append(
                TracedEvent(
                    numbers[key], thread, (start - call.start_ns) / 1e9, (end - start) / 1e9
                )
            )
    return trace
