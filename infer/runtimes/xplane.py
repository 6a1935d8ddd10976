"""The profiles that TensorFlow and JAX write (XSpace), from what reads them in either framework.

A space has planes (the host, each card), a plane has lines (threads, streams), a line has events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..profiling.recording import OperatorEvent, RecordedCall, calls_with_events

MARK = "exportbench call"
# The operator of TensorFlow that jax2tf puts a whole program into.
_PROGRAM = "XlaCallModule"
_CARD = "/device:GPU"


@dataclass(frozen=True)
class PlaneEvent:
    """An event of a profile.

    Attributes:
        plane, line: names of its plane and its line.
        name: name of the event.
        start_ns, end_ns: nanoseconds, on the clock of the profile.
        stats: what the event says beside, by name.
    """

    plane: str
    line: str
    name: str
    start_ns: int
    end_ns: int
    stats: Mapping[str, str]


@dataclass(frozen=True)
class Operator:
    """An operator that an event is of.

    Attributes:
        name: name of the operator.
        kind: what it computes.
        output, weights: shapes; None if not known.
    """

    name: str
    kind: str
    output: tuple[int, ...] | None = None
    weights: tuple[int, ...] | None = None


def recorded_calls(
    events: Iterable[PlaneEvent], operator_of: Callable[[PlaneEvent], Operator | None]
) -> list[RecordedCall]:
    """The calls that are marked in a profile, with operators on a card if there are any.

    Args:
        events: of all planes.
        operator_of: the operator that an event is of; None if it is of none.
    """
    spans: list[tuple[int, int]] = []
    on_host: list[OperatorEvent] = []
    on_card: list[OperatorEvent] = []
    threads: dict[tuple[str, str], int] = {}
    for event in events:
        if event.name == MARK:
            spans.append((event.start_ns, event.end_ns))
        elif operator := operator_of(event):
            is_on_card = event.plane.startswith(_CARD)
            if is_on_card and "stream" not in event.line.lower():
                continue  # lines that repeat what streams have, by module or by name
            (on_card if is_on_card else on_host).append(
                OperatorEvent(
                    *(operator.name, operator.kind, event.start_ns, event.end_ns),
                    thread=threads.setdefault((event.plane, event.line), len(threads)),
                    output=operator.output,
                    weights=operator.weights,
                )
            )
    return calls_with_events(sorted(spans), on_card or on_host)


def programs_within(calls: Iterable[RecordedCall]) -> list[str]:
    """Notes on operators that are a whole program, which the profiler does not look into."""
    if not any(event.kind == _PROGRAM for call in calls for event in call.events):
        return []
    return [
        f"{_PROGRAM} is a whole program of XLA, as jax2tf makes it: what runs inside is not "
        "named; an artifact of jax.export of the same network tells it"
    ]
