"""A SavedModel in a session of TensorFlow 1, for those that the present loader refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from infer.artifact import Signature, TensorSpec
from infer.runtimes.base import Arrays, Options, choose

_INITIALIZER = "__saved_model_init_op"


class SessionModel:
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
        self._cuda = options.device == "cuda" and bool(tf.config.list_physical_devices("GPU"))
        config = v1.ConfigProto()
        if settings["threads"] == "given":
            config.intra_op_parallelism_threads = options.threads
            config.inter_op_parallelism_threads = 1
        config.gpu_options.allow_growth = True
        if not self._cuda:
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
        self._call = self._session.make_callable(
            [self._session.graph.get_tensor_by_name(info.name) for _, info in outputs],
            [self._session.graph.get_tensor_by_name(info.name) for _, info in inputs],
        )

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
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

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the session."""
        call, arrays = self._call, [inputs[name] for name in self._inputs]
        return lambda: call(*arrays)

    def placement(self) -> dict[str, Any]:
        """Where the session runs; it places operators on the GPU where it has one."""
        return {
            "device": "cuda" if self._cuda else "cpu",
            "devices": [device.name for device in self._session.list_devices()],
            "threads": self._threads,
            "tf32": False,
            "settings": self._settings,
        }


def dtype_name(name: str, dtype: Any) -> str:
    """NumPy's name of a tensor's type.

    Raises:
        NotImplementedError: it is a handle and no values.
    """
    if dtype == tf.string:
        return "string"
    if dtype in (tf.resource, tf.variant):
        raise NotImplementedError(f"'{name}' is a {dtype.name}, which has no values")
    return str(np.dtype(dtype.as_numpy_dtype).name)


def _spec(name: str, info: Any) -> TensorSpec:
    shape = tf.TensorShape(info.tensor_shape)
    sizes = tuple(shape.as_list()) if shape.rank is not None else ()
    return TensorSpec(name, sizes, dtype_name(name, tf.as_dtype(info.dtype)))
