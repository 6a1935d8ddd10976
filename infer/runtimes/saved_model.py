"""SavedModel in TensorFlow, Keras's and JAX's (jax2tf) alike."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# TensorFlow imports JAX where it is installed, for the converter of TensorFlow Lite; a worker
# holds one runtime, with its time to import and its memory alone.
sys.modules.setdefault("jax", None)  # type: ignore[arg-type]

import tensorflow as tf  # noqa: E402
from tensorflow.python.framework.convert_to_constants import (  # noqa: E402
    convert_variables_to_constants_v2,
)

from infer.artifact import Signature, TensorSpec  # noqa: E402
from infer.runtimes.base import Arrays, Options, Setting, chosen  # noqa: E402

_SIGNATURE = "serving_default"
SETTINGS = (
    # "frozen" turns the variables into constants, which the graph optimizer can then fold.
    Setting("graph", "frozen", "loaded"),
    Setting("xla", "off", "off", ("on",)),
    Setting("threads", "given", "own"),
)


class SavedModel:
    """One serving signature of a SavedModel."""

    def __init__(self, path: Path, options: Options) -> None:
        gpus = tf.config.list_physical_devices("GPU")
        if options.device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in gpus if options.device == "cuda" else []:
            tf.config.experimental.set_memory_growth(gpu, True)
        self._settings = chosen(SETTINGS, options)
        if self._settings["threads"] == "given":
            tf.config.threading.set_intra_op_parallelism_threads(options.threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_tensor_float_32_execution(False)
        self._threads = options.threads
        self._device = "/GPU:0" if options.device == "cuda" and gpus else "/CPU:0"
        self._model = tf.saved_model.load(str(path))  # the signatures live as long as it does
        signatures = self._model.signatures
        if not signatures:
            raise ValueError("the SavedModel has no signature to call")
        name = _SIGNATURE if _SIGNATURE in signatures else sorted(signatures)[0]
        self._function = signatures[name]
        inputs = self._function.structured_input_signature[1]
        self.signature = Signature(
            tuple(_spec(name, inputs[name]) for name in sorted(inputs)),
            tuple(
                _spec(name, value)
                for name, value in sorted(self._function.structured_outputs.items())
            ),
        )
        self._call = self._callable()
        self._last: dict[str, tf.Tensor] = {}

    def _callable(self) -> Callable[..., dict[str, tf.Tensor]]:
        """The signature as the settings want it, called with tensors by name."""
        call: Any = self._function
        if self._settings["graph"] == "frozen":
            frozen = convert_variables_to_constants_v2(self._function)
            # A frozen function has lost the names of its outputs, not their order.
            names = sorted(self._function.structured_outputs)
            call = lambda **tensors: dict(zip(names, frozen(**tensors), strict=True))  # noqa: E731
        if self._settings["xla"] == "on":
            call = tf.function(call, jit_compile=True)
        return call  # type: ignore[no-any-return]

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
            return {name: tf.constant(array) for name, array in inputs.items()}

    def run_staged(self, staged: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Call the signature; on a GPU the result may be unfinished."""
        return self._call(**staged)

    def sync(self, result: dict[str, tf.Tensor]) -> None:
        """Wait for the device."""
        if self._device == "/GPU:0":
            tf.test.experimental.sync_devices()

    def fetch(self, result: dict[str, tf.Tensor]) -> Arrays:
        """Copy the outputs to NumPy, which waits for them."""
        self._last = result
        return {name: value.numpy() for name, value in result.items()}

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the signature on tensors of the arrays."""
        call, device = self._call, self._device

        def bare() -> object:
            with tf.device(device):
                tensors = {name: tf.constant(array) for name, array in inputs.items()}
            return [value.numpy() for value in call(**tensors).values()]

        return bare

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were."""
        ran_on = {value.device for value in self._last.values()}
        on_gpu = bool(ran_on) and all("GPU" in name for name in ran_on)
        return {
            "device": "cuda" if on_gpu else "cpu",
            "devices": sorted(ran_on),
            "threads": self._threads,
            "tf32": False,
            "settings": self._settings,
        }


def _spec(name: str, value: Any) -> TensorSpec:
    shape = value.shape.as_list() if value.shape.rank is not None else []
    return TensorSpec(name, tuple(shape), value.dtype.as_numpy_dtype.__name__)


def load(path: Path, options: Options) -> SavedModel:
    """Load a SavedModel folder."""
    return SavedModel(path, options)
