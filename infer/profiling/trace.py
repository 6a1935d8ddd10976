"""Profiles as a trace for Perfetto and chrome://tracing (the Trace Event Format).

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: a process for each
artifact, a thread for each of its own, and a complete event ("X") for each operator; times are in
microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .operator_classes import class_of
from .profile import Profile


def trace_of(profiles: Sequence[Profile]) -> dict[str, Any]:
    """The trace of one call of each artifact; all calls begin at 0."""
    events: list[dict[str, Any]] = []
    for process, profile in enumerate(profiles, 1):
        if profile.profiler is None:
            continue
        name = f"{profile.artifact}, batch {profile.batch}"
        events.append(_named("process_name", process, 0, name))
        events.append(
            {
                "ph": "M",
                "name": "process_sort_index",
                "pid": process,
                "tid": 0,
                "args": {"sort_index": process},
            }
        )
        for thread in sorted({event.thread for event in profile.trace}):
            events.append(_named("thread_name", process, thread, f"thread {thread}"))
        for event in profile.trace:
            operator = profile.operators[event.operator]
            start_ns, end_ns = (
                round(1e9 * moment) for moment in (event.start_s, event.start_s + event.seconds)
            )
            events.append(
                {
                    "ph": "X",
                    "name": operator.name,
                    "cat": class_of(operator.kind).value,
                    "ts": _microseconds(start_ns),
                    "dur": _microseconds(end_ns - start_ns),
                    "pid": process,
                    "tid": event.thread,
                    "args": {
                        "kind": operator.kind,
                        "output": _shape(operator.output),
                        "weights": _shape(operator.weights),
                    },
                }
            )
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}


def _microseconds(nanoseconds: int) -> float:
    """Whole nanoseconds, as microseconds.

    Perfetto leaves out what begins before another of its thread has ended, and cuts off what is
    less than a nanosecond: half of one more, and rounding cannot make it one less.
    """
    return round(nanoseconds / 1000 + 0.0005, 4)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "×".join(map(str, shape)) if shape else ""
