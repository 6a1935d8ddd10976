"""A function serialized by `jax.export`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from jax import export

from infer.artifact import Signature, TensorSpec
from infer.runtimes.base import Arrays, Options, Setting, chosen

SETTINGS = (
    # XLA's libraries for convolutions and matrix products on a CPU.
    Setting("onednn", "off", "off", ("on",)),
    Setting("xnnpack", "off", "off", ("on",)),
    Setting("thunks", "on", "on", ("off",)),
)
_FLAGS = {
    "onednn": "--xla_cpu_use_onednn",
    "xnnpack": "--xla_cpu_use_xnnpack",
    "thunks": "--xla_cpu_use_thunk_runtime",
}


class JaxExport:
    """A deserialized function, compiled for one device."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        # XLA reads them when the first device is asked for.
        flags = [
            f"{_FLAGS[setting.name]}={str(self._settings[setting.name] == 'on').lower()}"
            for setting in SETTINGS
            if self._settings[setting.name] != setting.bare
        ]
        os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()
        jax.config.update("jax_platforms", "cuda" if options.device == "cuda" else "cpu")
        jax.config.update("jax_default_matmul_precision", "float32")
        self._threads = options.threads
        self._device = jax.devices()[0]
        self._exported = export.deserialize(bytearray(path.read_bytes()))
        # The names of the outputs are not in the file unless the function gives a dict.
        stated = options.manifest.get("signature")
        self.signature = Signature.of(stated) if stated else _signature(self._exported)
        self._outputs = [spec.name for spec in self.signature.outputs]
        self._call = jax.jit(self._exported.call)
        self._last: Any = ()

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> list[jax.Array]:
        """Arrays on the device."""
        return jax.block_until_ready(self._put(inputs))  # type: ignore[no-any-return]

    def _put(self, inputs: Arrays) -> list[jax.Array]:
        return [jax.device_put(inputs[spec.name], self._device) for spec in self.signature.inputs]

    def run_staged(self, staged: list[jax.Array]) -> Any:
        """Call the function, which returns before it is finished."""
        return self._call(*staged)

    def sync(self, result: Any) -> None:
        """Wait for the result."""
        jax.block_until_ready(result)

    def fetch(self, result: Any) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        self._last = leaves = jax.tree.leaves(result)
        return {name: np.asarray(leaf) for name, leaf in zip(self._outputs, leaves, strict=True)}

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the function on arrays of the device."""
        call, device = self._call, self._device
        arrays = [inputs[spec.name] for spec in self.signature.inputs]

        def bare() -> object:
            result = call(*(jax.device_put(array, device) for array in arrays))
            return [np.asarray(leaf) for leaf in jax.tree.leaves(result)]

        return bare

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were. XLA takes as many threads as it may use cores."""
        ran_on = {device.platform for leaf in self._last for device in leaf.devices()}
        on_gpu = bool(ran_on) and ran_on <= {"gpu", "cuda"}
        return {
            "device": "cuda" if on_gpu else "cpu",
            "devices": sorted(ran_on),
            "threads": self._threads,
            "platforms": list(self._exported.platforms),
            "matmul_precision": "float32",
            "settings": self._settings,
        }


def _signature(exported: export.Exported) -> Signature:
    def specs(values: Any, prefix: str) -> tuple[TensorSpec, ...]:
        return tuple(
            TensorSpec(
                f"{prefix}_{index}",
                tuple(size if isinstance(size, int) else str(size) for size in value.shape),
                str(value.dtype),
            )
            for index, value in enumerate(values)
        )

    return Signature(specs(exported.in_avals, "input"), specs(exported.out_avals, "output"))


def load(path: Path, options: Options) -> JaxExport:
    """Load a file of serialized `jax.export`."""
    return JaxExport(path, options)
