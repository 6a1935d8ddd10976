"""ONNX Runtime's profile of a session, which it writes as events when the profile ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..profiling.recording import OperatorEvent, RecordedCall, calls_with_events
from .profiler import Profiler

_SUFFIX = "_kernel_time"


class OnnxProfiler(Profiler):
    """The profile of a session that was made with `enable_profiling`."""

    name = "ONNX Runtime's session profile"

    def __init__(self, session: Any) -> None:
        self._session = session
        self._spans: list[tuple[int, int]] = []

    def call(self, function: Callable[[], object]) -> None:
        """Note when the call begins and ends; the session records by itself."""
        begin = time.time_ns()
        function()
        self._spans.append((begin, time.time_ns()))

    def stop(self) -> list[RecordedCall]:
        """Read the events of the file that the session writes."""
        # Its clock is that of the system (std::chrono::high_resolution_clock).
        began = int(self._session.get_profiling_start_time_ns())
        events = json.loads(Path(self._session.end_profiling()).read_bytes())
        return calls_with_events(self._spans, operator_events(events, began))


def operator_events(events: Iterable[Mapping[str, Any]], began_ns: int = 0) -> list[OperatorEvent]:
    """The operators among the events of a profile: kernels of a card where there are any.

    Args:
        events: of the file; times in microseconds since the profile began.
        began_ns: when it began.
    """
    events = [event for event in events if event.get("ph") == "X"]
    nodes = [e for e in events if e.get("cat") == "Node" and e["name"].endswith(_SUFFIX)]
    kernels = [event for event in events if event.get("cat") == "Kernel"]
    if not kernels:
        return [_event(node, node, began_ns) for node in nodes]
    # A kernel follows the node that launched it, and runs later, on a stream.
    by_name = {node["name"].removesuffix(_SUFFIX): node for node in nodes}
    result, launched_by = [], None
    for event in events:
        if event.get("cat") == "Node":
            launched_by = event if event["name"].endswith(_SUFFIX) else launched_by
        elif event.get("cat") == "Kernel":
            parent = by_name.get(event.get("args", {}).get("parent_name", "")) or launched_by
            result.append(_event(event, parent or event, began_ns))
    return result


def _event(timed: Mapping[str, Any], node: Mapping[str, Any], began_ns: int) -> OperatorEvent:
    arguments = node.get("args", {})
    start = began_ns + int(timed["ts"] * 1000)
    thread = timed.get("args", {}).get("stream", timed.get("tid", 0))
    inputs = _shapes(arguments.get("input_type_shape"))
    outputs = _shapes(arguments.get("output_type_shape"))
    weights = inputs[1] if len(inputs) > 1 else None
    return OperatorEvent(
        name=node["name"].removesuffix(_SUFFIX),
        kind=str(arguments.get("op_name") or timed["name"]),
        start_ns=start,
        end_ns=start + int(timed["dur"] * 1000),
        thread=int(thread) if str(thread).isdecimal() else 0,
        output=outputs[0] if outputs else None,
        weights=weights if weights and len(weights) > 1 else None,
    )


def _shapes(values: Any) -> list[tuple[int, ...]]:
    """The shapes of a list of {type: shape}."""
    return [tuple(shape) for value in values or () for shape in value.values()]
