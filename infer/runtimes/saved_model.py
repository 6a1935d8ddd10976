"""SavedModel in TensorFlow, Keras's and JAX's (jax2tf) alike."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# TensorFlow imports JAX where it is installed, for the converter of TensorFlow Lite; a worker
# holds one runtime, with its time to import and its memory alone.
sys.modules.setdefault("jax", None)  # type: ignore[arg-type]

import tensorflow as tf  # noqa: E402

from infer.artifact import Signature, TensorSpec  # noqa: E402
from infer.runtimes.base import Arrays, Options  # noqa: E402

_SIGNATURE = "serving_default"


class SavedModel:
    """One serving signature of a SavedModel."""

    def __init__(self, path: Path, options: Options) -> None:
        gpus = tf.config.list_physical_devices("GPU")
        if options.device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in gpus if options.device == "cuda" else []:
            tf.config.experimental.set_memory_growth(gpu, True)
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
        self._ran_on: set[str] = set()

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self.stage(inputs)))

    def stage(self, inputs: Arrays) -> dict[str, tf.Tensor]:
        """Copy the inputs to tensors on the device."""
        with tf.device(self._device):
            return {name: tf.constant(array) for name, array in inputs.items()}

    def run_staged(self, staged: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Call the signature; on a GPU the result may be unfinished."""
        return self._function(**staged)  # type: ignore[no-any-return]

    def sync(self, result: dict[str, tf.Tensor]) -> None:
        """Wait for the device."""
        if self._device == "/GPU:0":
            tf.test.experimental.sync_devices()

    def fetch(self, result: dict[str, tf.Tensor]) -> Arrays:
        """Copy the outputs to NumPy, which waits for them."""
        self._ran_on.update(value.device for value in result.values())
        return {name: value.numpy() for name, value in result.items()}

    def placement(self) -> dict[str, Any]:
        """Where the outputs were."""
        on_gpu = bool(self._ran_on) and all("GPU" in name for name in self._ran_on)
        return {
            "device": "cuda" if on_gpu else "cpu",
            "devices": sorted(self._ran_on),
            "threads": self._threads,
            "tf32": False,
            "xla": False,
        }


def _spec(name: str, value: Any) -> TensorSpec:
    shape = value.shape.as_list() if value.shape.rank is not None else []
    return TensorSpec(name, tuple(shape), value.dtype.as_numpy_dtype.__name__)


def load(path: Path, options: Options) -> SavedModel:
    """Load a SavedModel folder."""
    return SavedModel(path, options)
