"""A SavedModel in a session of TensorFlow 1, for those that the present loader refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..tensors.signature import Signature, TensorSpec
from . import tf_placement
from .base import STATELESS, Arrays, Model, Options, choose, tf32_used
from .profiler import Profiler
from .tf_values import dtype_name

# Operators that a call changes something with.
CHANGES = ("Assign", "ResourceApply", "ResourceScatter", "Apply", "Scatter", "Queue", "Stack")
_INITIALIZER = "__saved_model_init_op"


class SessionModel(Model):
    """One signature, called by its tensors' names.

    There is no place on the device for its inputs and outputs to stay: what is measured on the
    device is what is measured from end to end.
    """

    def __init__(
        self, path: Path, tags: Sequence[str], options: Options, settings: dict[str, str], why: str
    ) -> None:
        v1 = tf.compat.v1
        self._settings = settings
        self._threads = options.threads
        self._options = options
        self._nodes: dict[str, Counter[str]] | None = None
        self._last: Arrays = {}
        config = v1.ConfigProto()
        if settings["threads"] == "given":
            config.intra_op_parallelism_threads = options.threads
            config.inter_op_parallelism_threads = 1
        config.gpu_options.allow_growth = True
        if options.device == "cpu":
            config.device_count["GPU"] = 0
        if settings["xla"] == "on":
            config.graph_options.optimizer_options.global_jit_level = v1.OptimizerOptions.ON_1
        self._session = v1.Session(graph=tf.Graph(), config=config)
        with self._session.graph.as_default():
            graph = v1.saved_model.load(self._session, list(tags), str(path))
        names = [name for name in graph.signature_def if name != _INITIALIZER]
        if not names:
            raise ValueError("the SavedModel has no signature to call")
        chosen = graph.signature_def[choose(names, options.signature)]
        inputs, outputs = sorted(chosen.inputs.items()), sorted(chosen.outputs.items())
        for name, info in (*inputs, *outputs):
            if info.WhichOneof("encoding") != "name":
                raise NotImplementedError(f"'{name}' is no plain tensor")
        self.signature = Signature(
            tuple(_spec(name, info) for name, info in inputs),
            tuple(_spec(name, info) for name, info in outputs),
        )
        self.notes = [why]
        self._inputs = [name for name, _ in inputs]
        self._outputs = [name for name, _ in outputs]
        tensor = self._session.graph.get_tensor_by_name
        self._fetches = [tensor(info.name) for _, info in outputs]
        self._feeds = [tensor(info.name) for _, info in inputs]
        self._call = self._session.make_callable(self._fetches, self._feeds)

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        self._last = inputs
        values = self._call(*(inputs[name] for name in self._inputs))
        return {name: np.asarray(v) for name, v in zip(self._outputs, values, strict=True)}

    def stage(self, inputs: Arrays) -> Arrays:
        """Nothing to do."""
        return inputs

    def run_staged(self, staged: Arrays) -> Arrays:
        """As `run`."""
        return self.run(staged)

    def sync(self, result: Arrays) -> None:
        """A call has ended when it returns."""

    def fetch(self, result: Arrays) -> Arrays:
        """They are on the host."""
        return result

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the session."""
        call, arrays = self._call, [inputs[name] for name in self._inputs]
        return lambda: call(*arrays)

    def state_reset(self) -> Callable[[], object] | None:
        """A session has to be made anew."""
        return None if self._keeps_state() else STATELESS

    def profiler(self, folder: Path) -> Profiler:
        """TensorFlow's profiler."""
        from .tensorflow_profile import TensorFlowProfiler

        return TensorFlowProfiler(folder, self._session.graph)

    def placement(self) -> dict[str, Any]:
        """Where the session ran its operators, as the graphs of one more call say.

        A graph that changes its variables is not called again: where it ran cannot be told then,
        but by the devices that the session has.
        """
        report: dict[str, Any] = {
            "device": "cpu",
            "devices": [device.name for device in self._session.list_devices()],
            "threads": self._threads,
            "tf32": tf32_used(
                bool(tf.config.experimental.tensor_float_32_execution_enabled()), self._options
            ),
            "settings": self._settings,
        }
        if self._options.device == "cpu":
            return report
        if self._last and not self._keeps_state():
            self._nodes = self._nodes or self._where()
            report |= tf_placement.described(self._nodes)
            report["device"] = "cuda" if self._nodes.get("cuda") else "cpu"
        elif any("GPU" in name for name in report["devices"]):
            report["device"] = "cuda"
        return report

    def _keeps_state(self) -> bool:
        """Whether a call may change what the next one finds."""
        reached = tf.compat.v1.graph_util.extract_sub_graph(
            self._session.graph.as_graph_def(), [tensor.op.name for tensor in self._fetches]
        )
        functions = {
            function.signature.name: function.node_def for function in reached.library.function
        }
        waiting, nodes = list(reached.node), []
        while waiting:
            nodes.append(waiting.pop())
            for value in nodes[-1].attr.values():
                for called in (value.func, *value.list.func):
                    waiting += functions.pop(called.name, ())
        return any(node.op.startswith(CHANGES) for node in nodes)

    def _where(self) -> dict[str, Counter[str]]:
        """Where each operator runs, found by one more call."""
        v1 = tf.compat.v1
        metadata = v1.RunMetadata()
        fed = {
            tensor: self._last[name] for tensor, name in zip(self._feeds, self._inputs, strict=True)
        }
        self._session.run(
            self._fetches,
            fed,
            options=v1.RunOptions(output_partition_graphs=True),
            run_metadata=metadata,
        )
        nodes = tf_placement.nodes_of_graphs(metadata.partition_graphs)
        return tf_placement.by_device(nodes)


def _spec(name: str, info: Any) -> TensorSpec:
    shape = tf.TensorShape(info.tensor_shape)
    sizes = tuple(shape.as_list()) if shape.rank is not None else None
    return TensorSpec(name, sizes, dtype_name(name, tf.as_dtype(info.dtype)))
