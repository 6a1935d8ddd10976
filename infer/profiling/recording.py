"""What a runtime's profiler recorded of calls, in one form for all runtimes."""

from __future__ import annotations

from dataclasses import dataclass

# The most operators and events that are kept of a call, and characters of a name.
MOST_OPERATORS = 4096
MOST_EVENTS = 16384
LONGEST_NAME = 160


@dataclass(frozen=True)
class OperatorEvent:
    """One execution of an operator.

    Attributes:
        name: name of the operator, as the runtime has it.
        kind: what it computes, in the runtime's words.
        start_ns, end_ns: nanoseconds, on the clock of its call.
        thread: number of the thread, or of the stream of a card, that it ran on.
        output: shape of its output; None if not known.
        weights: shape of its weights; None if not known, or if it has none.
    """

    name: str
    kind: str
    start_ns: int
    end_ns: int
    thread: int = 0
    output: tuple[int, ...] | None = None
    weights: tuple[int, ...] | None = None


@dataclass(frozen=True)
class RecordedCall:
    """A call and the operators that ran in it.

    Attributes:
        start_ns, end_ns: nanoseconds, on the profiler's clock.
        events: the operators, in any order; those of one thread may be nested.
    """

    start_ns: int
    end_ns: int
    events: tuple[OperatorEvent, ...]

    @property
    def seconds(self) -> float:
        """How long the call took."""
        return (self.end_ns - self.start_ns) / 1e9


def calls_with_events(
    spans: list[tuple[int, int]], events: list[OperatorEvent]
) -> list[RecordedCall]:
    """Give every call the events that began in it.

    Args:
        spans: start and end of the calls, in nanoseconds, in order.
        events: of all calls, in any order; those outside of calls are left out.
    """
    ordered = sorted(events, key=lambda event: event.start_ns)
    calls, place = [], 0
    for start, end in spans:
        while place < len(ordered) and ordered[place].start_ns < start:
            place += 1
        begun = place
        while place < len(ordered) and ordered[place].start_ns < end:
            place += 1
        calls.append(RecordedCall(start, end, tuple(ordered[begun:place])))
    return calls


def outermost(events: list[OperatorEvent]) -> list[OperatorEvent]:
    """The events that are not within another one of their thread."""
    kept: list[OperatorEvent] = []
    ends: dict[int, int] = {}
    for event in sorted(events, key=lambda event: (event.start_ns, -event.end_ns)):
        if event.start_ns >= ends.get(event.thread, -1):
            kept.append(event)
            ends[event.thread] = event.end_ns
    return kept
