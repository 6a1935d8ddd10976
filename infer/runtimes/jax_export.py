"""A function serialized by `jax.export`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from infer.artifact import Signature, TensorSpec
from infer.readers.jax_export import leaf_names
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


_WIDE = ("int64", "uint64", "float64", "complex128")


class JaxExport:
    """A deserialized function, compiled for the devices that it was made for."""

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
        self._exported = exported = export.deserialize(bytearray(path.read_bytes()))
        if options.device not in exported.platforms:
            raise NotImplementedError(
                f"made for {', '.join(exported.platforms)}, asked to run on {options.device}"
            )
        if any(str(value.dtype) in _WIDE for value in (*exported.in_avals, *exported.out_avals)):
            jax.config.update("jax_enable_x64", True)
        self._places = self._find_places()
        # The names of the outputs are not in the file unless the function gives a dict.
        stated = options.manifest.get("signature")
        self.signature = Signature.of(stated) if stated else _signature(exported)
        self._inputs = [spec.name for spec in self.signature.inputs]
        self._outputs = [spec.name for spec in self.signature.outputs]
        if len(self._inputs) != len(exported.in_avals):
            raise ValueError(
                f"the manifest states {len(self._inputs)} inputs, the function takes "
                f"{len(exported.in_avals)}"
            )

        def call(leaves: list[Any]) -> Any:
            positional, named = jax.tree.unflatten(exported.in_tree, leaves)
            return exported.call(*positional, **named)

        self._call = jax.jit(call)
        self._last: Any = ()

    def _find_places(self) -> list[Any]:
        """Where each input goes: a device, or how it is spread over several."""
        exported, found = self._exported, jax.devices()
        count = exported.nr_devices
        if count > len(found):
            raise NotImplementedError(
                f"made for {count} devices, here {'is' if len(found) == 1 else 'are'} {len(found)}"
            )
        if count == 1:
            return [found[0]] * len(exported.in_avals)
        mesh = _mesh(exported, found[:count])
        whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
        return [place or whole for place in exported.in_shardings_jax(mesh)]

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return self.fetch(self.run_staged(self._put(inputs)))

    def stage(self, inputs: Arrays) -> list[jax.Array]:
        """Arrays on the device."""
        return jax.block_until_ready(self._put(inputs))  # type: ignore[no-any-return]

    def _put(self, inputs: Arrays) -> list[jax.Array]:
        return [
            jax.device_put(inputs[name], place)
            for name, place in zip(self._inputs, self._places, strict=True)
        ]

    def run_staged(self, staged: list[jax.Array]) -> Any:
        """Call the function, which returns before it is finished.

        Raises:
            NotImplementedError: it needs what this jax does not have.
        """
        try:
            return self._call(staged)
        except jax.errors.JaxRuntimeError as error:
            if "custom call" in str(error).lower():
                raise NotImplementedError(f"{_line(error)} ({self._written()})") from None
            raise

    def _written(self) -> str:
        return (
            f"calling convention {self._exported.calling_convention_version}, this jax writes "
            f"{export.maximum_supported_calling_convention_version}"
        )

    def sync(self, result: Any) -> None:
        """Wait for the result."""
        jax.block_until_ready(result)

    def fetch(self, result: Any) -> Arrays:
        """Copy the outputs to the host, which waits for them."""
        self._last = leaves = jax.tree.leaves(result)
        return {name: np.asarray(leaf) for name, leaf in zip(self._outputs, leaves, strict=True)}

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the function on arrays of the device."""
        call = self._call
        pairs = [
            (inputs[name], place) for name, place in zip(self._inputs, self._places, strict=True)
        ]

        def bare() -> object:
            result = call([jax.device_put(array, place) for array, place in pairs])
            return [np.asarray(leaf) for leaf in jax.tree.leaves(result)]

        return bare

    def gpu_peak_bytes(self) -> int | None:
        """Of XLA's arrays and temporary buffers, at their most."""
        stats = jax.devices()[0].memory_stats() or {}
        peak: int | None = stats.get("peak_bytes_in_use")
        return peak

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


def _mesh(exported: export.Exported, devices: list[Any]) -> jax.sharding.Mesh:
    """The devices, arranged as those were that the function was made on."""
    shardings = (*exported._in_named_shardings, *exported._out_named_shardings)
    for sharding in shardings:
        if sharding is not None:
            made = sharding.mesh
            return jax.sharding.Mesh(np.array(devices).reshape(made.axis_sizes), made.axis_names)
    return jax.sharding.Mesh(np.array(devices), ("devices",))


def _signature(exported: export.Exported) -> Signature:
    return Signature(
        _specs(exported.in_tree, exported.in_avals, "input"),
        _specs(exported.out_tree, exported.out_avals, "output"),
    )


def _specs(tree: Any, values: Any, kind: str) -> tuple[TensorSpec, ...]:
    structure = jax.tree.unflatten(tree, range(len(values)))
    paths = [
        tuple(map(_key, path)) for path, _ in jax.tree_util.tree_flatten_with_path(structure)[0]
    ]
    names = leaf_names(paths, kind)
    return tuple(_spec(name, value) for name, value in zip(names, values, strict=True))


def _key(entry: Any) -> str | int:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            found: str | int = getattr(entry, attribute)
            return found
    return str(entry)


def _spec(name: str, value: Any) -> TensorSpec:
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        raise NotImplementedError(f"'{name}' is of type {value.dtype}, which holds no numbers")
    shape = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
    return TensorSpec(name, shape, str(value.dtype))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def devices() -> list[str]:
    """What JAX can run on here."""
    return [f"{device.platform}: {device.device_kind}" for device in jax.devices()]


def has_cuda() -> str | None:
    """Why JAX cannot run on a GPU here; None if it can."""
    try:
        jax.devices("cuda")
    except RuntimeError as error:
        return (
            f"JAX {jax.__version__} sees no GPU ({_line(error)}): pip install 'jax[cuda13]', or "
            "'jax[cuda12]' for a driver of CUDA 12"
        )
    return None


def load(path: Path, options: Options) -> JaxExport:
    """Load a file of serialized `jax.export`."""
    return JaxExport(path, options)
