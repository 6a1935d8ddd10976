"""ONNX in ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from infer.artifact import Signature, TensorSpec
from infer.runtimes.base import Arrays, Options, Setting, chosen

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_DTYPES = {"float": "float32", "double": "float64"}  # the others are called as in NumPy

_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
SETTINGS = (
    Setting("graph", "all", "all", ("extended", "basic", "none")),
    Setting("spinning", "on", "on", ("off",)),
    Setting("arena", "on", "on", ("off",)),
    Setting("memory-pattern", "on", "on", ("off",)),
    # As many as it is given; by itself it takes one for every physical core.
    Setting("threads", "given", "own"),
)


class Onnx:
    """One inference session."""

    def __init__(self, path: Path, options: Options) -> None:
        if options.device == "cuda" and hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # CUDA libraries that another installed package brings
        self._settings = chosen(SETTINGS, options)
        settings = ort.SessionOptions()
        if self._settings["threads"] == "given":
            settings.intra_op_num_threads = options.threads
            settings.inter_op_num_threads = 1
        settings.graph_optimization_level = _LEVELS[self._settings["graph"]]
        settings.enable_cpu_mem_arena = self._settings["arena"] == "on"
        settings.enable_mem_pattern = self._settings["memory-pattern"] == "on"
        spinning = "1" if self._settings["spinning"] == "on" else "0"
        settings.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        settings.log_severity_level = 3
        provider: Any = _PROVIDERS[options.device]
        if options.device == "cuda":
            provider = (provider, {"use_tf32": "0"})
        self._threads = options.threads
        self._device = options.device
        self._session = ort.InferenceSession(str(path), settings, providers=[provider])
        self.signature = Signature(
            tuple(map(_spec, self._session.get_inputs())),
            tuple(map(_spec, self._session.get_outputs())),
        )
        self._outputs = [spec.name for spec in self.signature.outputs]

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        return dict(zip(self._outputs, self._session.run(None, inputs), strict=True))

    def stage(self, inputs: Arrays) -> ort.IOBinding:
        """Bind the inputs, copied to the device, and let the outputs stay there."""
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(
                name, ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)
            )
        for name in self._outputs:
            binding.bind_output(name, self._device)
        return binding

    def run_staged(self, staged: ort.IOBinding) -> ort.IOBinding:
        """Run on what is bound."""
        self._session.run_with_iobinding(staged)
        return staged

    def sync(self, result: ort.IOBinding) -> None:
        """Wait for the device."""
        result.synchronize_outputs()

    def fetch(self, result: ort.IOBinding) -> Arrays:
        """Copy the outputs to the host."""
        return dict(zip(self._outputs, result.copy_outputs_to_cpu(), strict=True))

    def bare(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the session."""
        return lambda: self._session.run(None, inputs)

    def placement(self) -> dict[str, Any]:
        """The providers that the session really has; the first takes what it can."""
        providers = self._session.get_providers()
        return {
            "device": "cuda" if providers[0] == _PROVIDERS["cuda"] else "cpu",
            "devices": providers,
            "threads": self._threads,
            "tf32": False,
            "settings": self._settings,
        }


def _spec(value: Any) -> TensorSpec:
    kind = re.sub(r"tensor\((.*)\)", r"\1", value.type)
    shape = tuple(size if isinstance(size, int | str) else None for size in value.shape)
    kind = _DTYPES.get(kind, kind)
    if kind not in np.sctypeDict:
        raise NotImplementedError(f"{value.name} is of type {value.type}")
    return TensorSpec(value.name, shape, kind)


def load(path: Path, options: Options) -> Onnx:
    """Load an ONNX file."""
    return Onnx(path, options)
