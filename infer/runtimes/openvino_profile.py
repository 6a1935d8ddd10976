"""OpenVINO's performance counters: the time of each node of the last call."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from ..profiling.recording import OperatorEvent, RecordedCall
from .profiler import Profiler


class OpenVinoProfiler(Profiler):
    """The counters of a request of a model that was compiled with PERF_COUNT."""

    name = "OpenVINO's performance counters"
    notes: Sequence[str] = (
        "OpenVINO tells how long nodes took, not when: the trace shows one after the other",
    )

    def __init__(self, compiled: Any, request: Any) -> None:
        self._compiled = compiled
        self._request = request
        self._calls: list[tuple[int, int, list[Any]]] = []

    def call(self, function: Callable[[], object]) -> None:
        """Call, and read the counters, which are those of the last call."""
        begin = time.perf_counter_ns()
        function()
        end = time.perf_counter_ns()
        self._calls.append((begin, end, self._request.get_profiling_info()))

    def stop(self) -> list[RecordedCall]:
        """The calls, with the nodes that were executed."""
        shapes = _shapes(self._compiled.get_runtime_model())
        executed = {node.node_type for _, _, nodes in self._calls for node in nodes}
        self.notes = [*self.notes, *bodies_within(executed)]
        return [
            RecordedCall(begin, end, tuple(operator_events(nodes, begin, shapes)))
            for begin, end, nodes in self._calls
        ]


def bodies_within(kinds: Collection[str]) -> list[str]:
    """A note if there are operators with a body, which the counters do not look into."""
    found = sorted({*kinds} & {"If", "Loop", "TensorIterator"})
    if not found:
        return []
    return [f"OpenVINO does not tell what runs inside of {' and '.join(found)}: it counts as other"]


Shapes = dict[str, tuple[tuple[int, ...] | None, tuple[int, ...] | None]]


def operator_events(nodes: Iterable[Any], begin_ns: int, shapes: Shapes) -> list[OperatorEvent]:
    """The nodes that were executed, one after the other.

    Args:
        nodes: OpenVINO's `ProfilingInfo`.
        begin_ns: when the call began.
        shapes: of output and weights, by name of the node.
    """
    events = []
    for node in nodes:
        duration_ns = round(node.real_time.total_seconds() * 1e9)
        if duration_ns <= 0:  # fused into another, or not executed
            continue
        output, weights = shapes.get(node.node_name, (None, None))
        events.append(
            OperatorEvent(
                *(node.node_name, node.node_type, begin_ns, begin_ns + duration_ns),
                output=output,
                weights=weights,
            )
        )
        begin_ns += duration_ns
    return events


def _shapes(model: Any) -> Shapes:
    """The shapes of outputs, and of the second inputs, which are weights where there are any."""
    shapes: Shapes = {}
    for node in model.get_ordered_ops():
        if node.get_output_size():
            inputs = node.input_values()
            weights = _sizes(inputs[1]) if len(inputs) > 1 else None
            shapes[node.get_friendly_name()] = (
                _sizes(node.output(0)),
                weights if weights and len(weights) > 1 else None,
            )
    return shapes


def _sizes(value: Any) -> tuple[int, ...] | None:
    shape = value.get_partial_shape()
    return tuple(shape.to_shape()) if shape.is_static else None
