"""Which device TensorFlow ran each operator on, from the graphs that it really ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

# What carries values between devices and calls, and calculates nothing.
_CARRIERS = frozenset(
    (
        *("_Arg", "_Retval", "_DeviceArg", "_DeviceRetval", "_Send", "_Recv", "_HostSend"),
        *("_HostRecv", "NoOp", "Const", "_HostConst", "Placeholder", "Identity", "IdentityN"),
        *("VarHandleOp", "ReadVariableOp", "VariableV2"),
    )
)


def nodes_of_function(call: Callable[..., Any], tensors: dict[str, tf.Tensor]) -> Iterable[Any]:
    """The nodes of what is run for a call, each with its device.

    The call is put into a function of its own: TensorFlow tells the graphs of those only that it
    runs for the first time. That calls it once more.
    """
    eager = context.context()
    outer = tf.function(call, autograph=False)
    eager.enable_graph_collection()
    try:
        outer(tensors)
        metadata = eager.export_run_metadata()
    finally:
        eager.disable_graph_collection()
    for graphs in metadata.function_graphs:
        yield from nodes_of_graphs(graphs.partition_graphs)


def nodes_of_graphs(graphs: Iterable[Any]) -> Iterable[Any]:
    """The nodes of graphs, one graph for each device."""
    for graph in graphs:
        yield from graph.node


def by_device(nodes: Iterable[Any]) -> dict[str, Counter[str]]:
    """How many operators of each kind ran on "cuda" and on "cpu"."""
    operators: dict[str, Counter[str]] = {}
    for node in nodes:
        if node.op not in _CARRIERS and node.device:
            device = "cuda" if "GPU" in node.device.upper() else "cpu"
            operators.setdefault(device, Counter())[node.op] += 1
    return operators


def described(operators: dict[str, Counter[str]]) -> dict[str, Any]:
    """As `placement` has it, of a run on a GPU."""
    return {
        "nodes": {device: sum(kinds.values()) for device, kinds in operators.items()},
        "on_cpu": dict(operators.get("cpu", {})),
    }
