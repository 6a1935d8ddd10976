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

from ..tensors.signature import Signature
from ..tensors.size_limits import limits_of_symbol
from .base import STATELESS, TF32_OVERRIDE, Arrays, Model, Options, Setting, chosen, tf32_used
from .jax_precision import Products, products_of
from .jax_signature import signature_of, symbol_limits
from .profiler import Profiler

SETTINGS = (
    # XLA's libraries for convolutions and matrix products on a CPU.
    Setting("onednn", "off", "off", ("on",), "cpu"),
    Setting("xnnpack", "off", "off", ("on",), "cpu"),
    Setting("thunks", "on", "on", ("off",), "cpu"),
    # Whether XLA tries the algorithms of cuDNN and cuBLAS, and its own tilings, as it compiles.
    Setting("autotune", "on", "on", ("off",), "cuda"),
    # What is launched together: XLA records its "command buffers" as CUDA graphs by itself.
    Setting("cuda-graphs", "on", "on", ("off",), "cuda"),
    # XLA's own matrix products beside those of cuBLAS; they do not heed NVIDIA_TF32_OVERRIDE.
    Setting("triton", "on", "on", ("off",), "cuda"),
)
_FLAGS = {
    ("onednn", "on"): "--xla_cpu_use_onednn=true",
    ("xnnpack", "on"): "--xla_cpu_use_xnnpack=true",
    ("thunks", "off"): "--xla_cpu_use_thunk_runtime=false",
    ("autotune", "off"): "--xla_gpu_autotune_level=0",
    ("cuda-graphs", "off"): "--xla_gpu_enable_command_buffer=",
    ("triton", "off"): "--xla_gpu_enable_triton_gemm=false",
}


_WIDE = ("int64", "uint64", "float64", "complex128")


class JaxExport(Model):
    """A deserialized function, compiled for the devices that it was made for."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        # XLA reads them when the first device is asked for; of two the later counts.
        flags = [_FLAGS[item] for item in self._settings.items() if item in _FLAGS]
        if flags:
            os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()
        if options.device == "cpu":
            jax.config.update("jax_platforms", "cpu")
        elif problem := has_cuda():
            raise NotImplementedError(problem)
        self._options = options
        self._threads = options.threads
        self.notes: list[str] = []
        self._products: Products | None = None
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
        self.signature = Signature.from_dict(stated) if stated else signature_of(exported)
        self._inputs = [spec.name for spec in self.signature.inputs]
        self._outputs = [spec.name for spec in self.signature.outputs]
        if len(self._inputs) != len(exported.in_avals):
            raise ValueError(
                f"the manifest states {len(self._inputs)} inputs, the function takes "
                f"{len(exported.in_avals)}"
            )

        symbols = symbol_limits(exported.mlir_module_serialized)
        self.size_limits = {
            (name, axis): limits_of_symbol(str(size), symbols)
            for name, value in zip(self._inputs, exported.in_avals, strict=True)
            for axis, size in enumerate(value.shape)
            if not isinstance(size, int)
        }

        def call(leaves: list[Any]) -> Any:
            positional, named = jax.tree.unflatten(exported.in_tree, leaves)
            return exported.call(*positional, **named)

        self._call = jax.jit(call)
        self._last: Any = ()
        self._profiled_inputs: list[jax.Array] = []

    def settle(self) -> None:
        """Find out what the program asks for, where that decides how it is calculated.

        XLA takes precision from the program alone, and none of JAX's options reaches what is
        exported already.
        """
        if self._options.device == "cpu":
            return
        products = self._products = products_of(self._exported.mlir_module_serialized)
        allowed = products.dots + products.convolutions
        if allowed:
            self.notes.append(_precision_note(products, self._tf32()))
        if products.exact and self._options.tf32:
            what = "its products" if not allowed else "some of its products"
            self.notes.append(f"--tf32 does not reach it: {what} ask for float32 themselves")

    def _tf32(self) -> bool | None:
        """Whether it may calculate in TF32: the program may ask for it, the libraries refuse."""
        products = self._products
        if products is None or self._options.device == "cpu":
            return tf32_used(None, self._options)
        if os.environ.get(TF32_OVERRIDE) == "0":
            # Matrix products that XLA compiles itself are not NVIDIA's libraries'.
            return None if products.dots and self._settings["triton"] == "on" else False
        return bool(products.dots or products.convolutions)

    def _find_places(self) -> list[Any]:
        """Where each input goes: a device, or how it is spread over several."""
        exported, available = self._exported, jax.devices()
        count = exported.nr_devices
        if count > len(available):
            raise NotImplementedError(
                f"made for {count} devices, here {'is' if len(available) == 1 else 'are'} "
                f"{len(available)}"
            )
        if count == 1:
            return [available[0]] * len(exported.in_avals)
        mesh = _mesh(exported, available[:count])
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
        if self._options.profiled:
            self._profiled_inputs = staged
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

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the function on arrays of the device."""
        call = self._call
        pairs = [
            (inputs[name], place) for name, place in zip(self._inputs, self._places, strict=True)
        ]

        def call_once() -> object:
            result = call([jax.device_put(array, place) for array, place in pairs])
            return [np.asarray(leaf) for leaf in jax.tree.leaves(result)]

        return call_once

    def profiler(self, folder: Path) -> Profiler:
        """JAX's profiler."""
        from .jax_profile import JaxProfiler

        return JaxProfiler(
            folder, lambda: self._call.lower(self._profiled_inputs).compile().as_text()
        )

    def gpu_peak_bytes(self) -> int | None:
        """Of XLA's arrays and temporary buffers, at their most."""
        stats = jax.devices()[0].memory_stats() or {}
        peak: int | None = stats.get("peak_bytes_in_use")
        return peak

    def state_reset(self) -> Callable[[], object]:
        """Programs are functions."""
        return STATELESS

    def placement(self) -> dict[str, Any]:
        """Where the last outputs were. XLA takes as many threads as it may use cores."""
        ran_on = {device.platform for leaf in self._last for device in leaf.devices()}
        on_gpu = bool(ran_on) and ran_on <= {"gpu", "cuda"}
        return {
            "device": "cuda" if on_gpu else "cpu",
            "devices": sorted(ran_on),
            "threads": self._threads,
            "platforms": list(self._exported.platforms),
            "precision_asked": self._products.requested_precision if self._products else None,
            "tf32": self._tf32(),
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


def _precision_note(products: Products, tf32: bool | None) -> str:
    """What is to be known of a program that does not ask for float32 throughout."""
    what = "some of its products" if products.exact else "its products"
    text = f"the program leaves the precision of {what} to XLA, which takes TF32 on a GPU"
    if tf32 is False:
        return f"{text}; {TF32_OVERRIDE}=0 keeps NVIDIA's libraries from it here"
    if tf32 is None:
        return (
            f"{text}; {TF32_OVERRIDE}=0 keeps NVIDIA's libraries from it here, not what XLA "
            "compiles itself (see --try jax-export:triton=off)"
        )
    return f'{text}; export it with jax.default_matmul_precision("highest") to have float32'


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def devices() -> list[str]:
    """What JAX can run on here."""
    return [f"{device.platform}: {device.device_kind}" for device in jax.devices()]


def has_cuda() -> str | None:
    """Why JAX cannot run on a GPU here; None if it can."""
    before = jax.config.jax_platforms  # type: ignore[attr-defined]
    jax.config.update("jax_platforms", "cuda")  # whatever JAX_PLATFORMS says
    try:
        jax.devices("cuda")
    except (RuntimeError, AssertionError) as error:  # the latter where there is no /dev/nvidia0
        jax.config.update("jax_platforms", before)
        why = _line(error) or "no file of /dev is of one"
        return (
            f"JAX {jax.__version__} sees no GPU ({why}): pip install 'jax[cuda13]', or "
            "'jax[cuda12]' for a driver of CUDA 12"
        )
    return None


def load(path: Path, options: Options) -> JaxExport:
    """Load a file of serialized `jax.export`."""
    return JaxExport(path, options)
