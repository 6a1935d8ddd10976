"""SavedModel in TensorFlow: Keras's, JAX's (jax2tf) and those of TensorFlow 1 alike."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

# TensorFlow imports JAX where it is installed, for the converter of TensorFlow Lite; a worker
# holds one runtime, with its time to import and its memory alone.
sys.modules.setdefault("jax", None)  # type: ignore[arg-type]

import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from ..formats.saved_model.reader import defaults_of, tags_of
from ..tensors.signature import Signature
from . import tf_placement
from .base import STATELESS, TF32, Arrays, Model, Options, Setting, choose, chosen, tf32_used
from .profiler import Profiler
from .saved_model_session import SessionModel
from .tf_values import array_of, spec_of, tensor_of

SETTINGS = (
    # "frozen" turns the variables into constants, which the graph optimizer can then fold.
    Setting("graph", "frozen", "loaded"),
    Setting("xla", "off", "off", ("on",)),
    Setting("threads", "given", "own"),
    TF32,
)
# What a call changes or looks up cannot be made a constant.
_KEPT = (
    *("Assign", "ResourceApply", "ResourceScatter", "Lookup", "HashTable", "MutableHash"),
    *("CountUpTo", "ScatterUpdate", "ScatterAdd", "ScatterSub"),
)
# Variables of TensorFlow 1, which a loaded function does not list.
_REFERENCES = {"Variable", "VariableV2"}
# Tables that a call can change, or that are filled while a call runs.
_TABLES = ("MutableHash", "MutableDense", "AnonymousMutable", "LookupTableInsert")


class SavedModel(Model):
    """One signature of a SavedModel."""

    def __init__(
        self,
        model: Any,
        options: Options,
        settings: dict[str, str],
        device: str,
        defaults: Mapping[str, Mapping[str, bytes]] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._options = options
        self._threads = options.threads
        self._device = device
        self._nodes: dict[str, Counter[str]] | None = None
        self._staged: dict[str, tf.Tensor] = {}
        self._model = model  # the signatures live as long as it does
        self.notes: list[str] = []
        name = choose(list(model.signatures), options.signature)
        self._function = model.signatures[name]
        inputs = self._function.structured_input_signature[1]
        # TensorFlow's loader forgets them.
        self._default_values = {
            name: tf.make_ndarray(TensorProto.FromString(default))
            for name, default in defaults.get(name, {}).items()
            if name in inputs
        }
        self.defaults = [spec_of(name, inputs[name]) for name in sorted(self._default_values)]
        self.signature = Signature(
            tuple(
                spec_of(name, inputs[name]) for name in sorted(inputs.keys() - self._default_values)
            ),
            tuple(
                spec_of(name, value)
                for name, value in sorted(self._function.structured_outputs.items())
            ),
        )
        self._names = sorted(inputs)
        self._graph: Any = self._function.graph
        self._call = self._callable()
        self._last: dict[str, tf.Tensor] = {}

    def _callable(self) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
        """The signature as the settings want it, called with tensors by name."""
        function = self._function
        call: Any = lambda tensors: function(**tensors)  # noqa: E731
        if self._settings["graph"] == "frozen":
            call = self._frozen() or call
        if self._settings["xla"] == "on":
            call = tf.function(call, jit_compile=True)
        return call  # type: ignore[no-any-return]

    def _frozen(self) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] | None:
        """The signature without variables; None where that cannot be."""
        kept = sorted(kind for kind in _operators(self._function) if kind.startswith(_KEPT))
        if kept:
            self.notes.append(f"its graph is left as it was loaded, for it has {kept[0]}")
            return None
        names = list(getattr(self._function, "_arg_keywords", ()) or ())
        if sorted(names) != self._names:
            names = self._names
        try:
            frozen = convert_variables_to_constants_v2(self._function)
        except Exception as error:
            self.notes.append(
                f"its graph is left as it was loaded: freezing failed ({type(error).__name__})"
            )
            return None
        if len(frozen.inputs) != len(names):
            self.notes.append("its graph is left as it was loaded, for it holds resources")
            return None
        self._graph = frozen.graph
        # A frozen function has lost the names of its inputs and outputs, not their order.
        outputs = sorted(self._function.structured_outputs)

        def call(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            result = frozen(*(tensors[name] for name in names))
            return dict(zip(outputs, result, strict=True))

        return call

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> dict[str, tf.Tensor]:
        """Copy the inputs to tensors on the device."""
        staged = self._put(inputs)
        self.sync(staged)
        return staged

    def _put(self, inputs: Arrays) -> dict[str, tf.Tensor]:
        with tf.device(self._device):
            arrays = self._default_values | inputs
            return {name: tensor_of(array) for name, array in arrays.items()}

    def run_staged(self, staged: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Call the signature; on a GPU the result may be unfinished."""
        self._staged = staged
        return self._call(staged)

    def sync(self, result: dict[str, tf.Tensor]) -> None:
        """Wait for the device."""
        if self._device == "/GPU:0":
            tf.test.experimental.sync_devices()

    def fetch(self, result: dict[str, tf.Tensor]) -> Arrays:
        """Copy the outputs to NumPy, which waits for them."""
        self._last = result
        return {name: array_of(value) for name, value in result.items()}

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the signature on tensors of the arrays."""
        call, device, inputs = self._call, self._device, self._default_values | inputs

        def call_once() -> object:
            with tf.device(device):
                tensors = {name: tensor_of(array) for name, array in inputs.items()}
            return [value.numpy() for value in call(tensors).values()]

        return call_once

    def profiler(self, folder: Path) -> Profiler:
        """TensorFlow's profiler."""
        from .tensorflow_profile import TensorFlowProfiler

        return TensorFlowProfiler(folder, self._graph)

    def gpu_peak_bytes(self) -> int | None:
        """Of the tensors, at their most."""
        if self._device != "/GPU:0":
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])

    def state_reset(self) -> Callable[[], object] | None:
        """Assign the present values to the variables."""
        if not self._keeps_state():
            return STATELESS
        operators = _operators(self._function)
        if operators & _REFERENCES or any(kind.startswith(_TABLES) for kind in operators):
            return None
        kept = [(variable, variable.numpy()) for variable in self._function.variables]

        def reset() -> None:
            for variable, value in kept:
                variable.assign(value)

        return reset

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were, and on a GPU each operator too.

        TensorFlow puts on the CPU what it has no kernel for on the GPU, and says nothing; the
        outputs may be on the GPU all the same.
        """
        ran_on = {value.device for value in self._last.values()}
        # Text is always in the host's memory.
        numbers = {value.device for value in self._last.values() if value.dtype != tf.string}
        on_gpu = bool(numbers) and all("GPU" in name for name in numbers)
        report: dict[str, Any] = {
            "device": "cuda" if on_gpu else "cpu",
            "devices": sorted(ran_on),
            "threads": self._threads,
            "tf32": tf32_used(tf32_allowed(), self._options),
            "settings": self._settings,
        }
        if self._options.device == "cuda" and self._staged and not self._keeps_state():
            self._nodes = self._nodes or self._where()
            report |= tf_placement.described(self._nodes)
            if not self._nodes.get("cuda"):
                report["device"] = "cpu"
        return report

    def _keeps_state(self) -> bool:
        return any(kind.startswith(_KEPT) for kind in _operators(self._function))

    def _where(self) -> dict[str, Counter[str]]:
        """Where each operator runs, found by one more call."""
        nodes = tf_placement.nodes_of_function(self._call, self._staged)
        return tf_placement.by_device(nodes)


def tf32_allowed() -> bool:
    """Whether TensorFlow lets cuBLAS, cuDNN and XLA take TF32."""
    return bool(tf.config.experimental.tensor_float_32_execution_enabled())


def _operators(function: Any) -> set[str]:
    graph = function.graph.as_graph_def()
    return {
        node.op
        for nodes in (graph.node, *(inner.node_def for inner in graph.library.function))
        for node in nodes
    }


def devices() -> list[str]:
    """What TensorFlow can run on here."""
    return [device.name.partition(":")[2] for device in tf.config.list_physical_devices()]


def has_cuda() -> str | None:
    """Why TensorFlow cannot run on a GPU here; None if it can."""
    if not tf.test.is_built_with_cuda():
        return (
            f"TensorFlow {tf.__version__} is a build without CUDA: "
            "pip install 'tensorflow[and-cuda]'"
        )
    if not tf.config.list_physical_devices("GPU"):
        return (
            f"TensorFlow {tf.__version__} sees no GPU that it can use: "
            "pip install 'tensorflow[and-cuda]' brings the CUDA libraries that it looks for; else "
            "look at nvidia-smi and CUDA_VISIBLE_DEVICES"
        )
    return None


def load(path: Path, options: Options) -> Model:
    """Load a SavedModel folder, with TensorFlow 1's loader where the present one refuses."""
    settings = chosen(SETTINGS, options)
    device = "/CPU:0"
    if options.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    else:
        if problem := has_cuda():
            raise NotImplementedError(problem)
        device = "/GPU:0"
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        if settings["tf32"] != TF32.untuned:
            tf.config.experimental.enable_tensor_float_32_execution(settings["tf32"] == "on")
    if settings["threads"] == "given":
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tags = tags_of(path)
    try:
        model = tf.saved_model.load(str(path), tags=tags)
    except Exception as error:
        return _old(path, tags, options, settings, error)
    if not model.signatures:
        raise ValueError("the SavedModel has no signature to call")
    return SavedModel(model, options, settings, device, defaults_of(path, tags or []))


def _old(
    path: Path,
    tags: list[str] | None,
    options: Options,
    settings: dict[str, str],
    refusal: Exception,
) -> Model:
    reason = " ".join(str(refusal).split())[:200]
    try:
        return SessionModel(
            path, tags or [], options, settings, f"loaded as TensorFlow 1 does, for: {reason}"
        )
    except (ValueError, NotImplementedError):
        raise
    except Exception:
        raise refusal from None
