"""TensorFlow's profiler, for SavedModels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from ..profiling.recording import RecordedCall
from .profiler import Profiler
from .xplane import MARK, Operator, PlaneEvent, programs_within, recorded_calls

# How far the optimizer may fuse what follows a product, as its bias and its activation.
_FUSED = 6


class TensorFlowProfiler(Profiler):
    """The profiler of TensorFlow, for one graph.

    Args:
        folder: where it writes.
        graph: the graph, for the shapes of its tensors; None if it is not known.
    """

    name = "tf.profiler"

    def __init__(self, folder: Path, graph: tf.Graph | None = None) -> None:
        self._folder = folder
        self._graph = graph

    def start(self) -> None:
        """Begin to record."""
        tf.profiler.experimental.start(str(self._folder))

    def call(self, function: Callable[[], object]) -> None:
        """Call within a mark that the profiler records."""
        with tf.profiler.experimental.Trace(MARK):
            function()

    def stop(self) -> list[RecordedCall]:
        """End recording, and read the file."""
        tf.profiler.experimental.stop()
        known: dict[str, Operator] = {}

        def operator_of(event: PlaneEvent) -> Operator | None:
            text = event.stats.get("tf_op", event.name)
            if text not in known:
                # An operator is "name of the node:kind"; all else is the executor's.
                found = re.search(r"(?<!:):(\w+)$", text)
                if not found:
                    return None
                name = text[: found.start()]
                known[text] = Operator(name, found[1], *_shapes(self._graph, name))
            return known[text]

        calls = recorded_calls(_events(self._folder), operator_of)
        self.notes = programs_within(calls)
        self.names_all = not self.notes
        return calls


def _events(folder: Path) -> Iterator[PlaneEvent]:
    for path in folder.rglob("*.xplane.pb"):
        space: Any = xplane_pb2.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            for line in plane.lines:
                for event in line.events:
                    start = line.timestamp_ns + event.offset_ps // 1000
                    yield PlaneEvent(
                        *(plane.name, line.name, plane.event_metadata[event.metadata_id].name),
                        *(start, start + event.duration_ps // 1000),
                        {
                            plane.stat_metadata[stat.metadata_id].name: stat.str_value
                            or plane.stat_metadata[stat.ref_value].name
                            for stat in event.stats
                        },
                    )


def _shapes(
    graph: tf.Graph | None, name: str
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """The shapes of the output of a node and of the weights of the product that it ends; 0 is any.

    The optimizer names what it has fused after the last of its nodes.
    """
    try:
        operation: Any = graph and graph.get_operation_by_name(name)
    except KeyError:  # made by the optimizer
        operation = None
    if operation is None or not operation.outputs:
        return None, None
    output = _sizes(operation.outputs[0])
    for _ in range(_FUSED):
        if re.search("Conv|MatMul", operation.type) and len(operation.inputs) > 1:
            return output, _sizes(operation.inputs[1])
        if not operation.inputs:
            break
        operation = operation.inputs[0].op
    return output, None


def _sizes(tensor: Any) -> tuple[int, ...] | None:
    return tuple(size or 0 for size in tensor.shape.as_list()) if tensor.shape.rank else None
