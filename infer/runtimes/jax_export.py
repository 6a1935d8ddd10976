"""A function serialized by `jax.export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from jax import export

from infer.artifact import Signature, TensorSpec
from infer.runtimes.base import Arrays, Options


class JaxExport:
    """A deserialized function, compiled for one device."""

    def __init__(self, path: Path, options: Options) -> None:
        jax.config.update("jax_platforms", "cuda" if options.device == "cuda" else "cpu")
        jax.config.update("jax_default_matmul_precision", "float32")
        self._threads = options.threads
        self._device = jax.devices()[0]
        self._exported = export.deserialize(bytearray(path.read_bytes()))
        # The names of the outputs are not in the file unless the function gives a dict.
        stated = options.manifest.get("signature")
        self.signature = Signature.of(stated) if stated else _signature(self._exported)
        self._call = jax.jit(self._exported.call)
        self._ran_on: set[str] = set()

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self.stage(inputs)))

    def stage(self, inputs: Arrays) -> list[jax.Array]:
        """Arrays on the device."""
        return [jax.device_put(inputs[spec.name], self._device) for spec in self.signature.inputs]

    def run_staged(self, staged: list[jax.Array]) -> Any:
        """Call the function, which returns before it is finished."""
        return self._call(*staged)

    def sync(self, result: Any) -> None:
        """Wait for the result."""
        jax.block_until_ready(result)

    def fetch(self, result: Any) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        leaves = jax.tree.leaves(result)
        self._ran_on.update(device.platform for leaf in leaves for device in leaf.devices())
        names = [spec.name for spec in self.signature.outputs]
        return {name: np.asarray(leaf) for name, leaf in zip(names, leaves, strict=True)}

    def placement(self) -> dict[str, Any]:
        """Where the outputs were. XLA takes as many threads as the process may use cores."""
        on_gpu = bool(self._ran_on) and self._ran_on <= {"gpu", "cuda"}
        return {
            "device": "cuda" if on_gpu else "cpu",
            "devices": sorted(self._ran_on),
            "threads": self._threads,
            "platforms": list(self._exported.platforms),
            "matmul_precision": "float32",
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
