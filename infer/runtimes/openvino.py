"""OpenVINO: its own IR, and ONNX files read directly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

# OpenVINO imports its converter, and that what reports its use; a worker needs neither.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]

import numpy as np
import openvino as ov

from ..tensors.signature import (
    Signature,
    TensorSpec,
)
from ..tensors.size_limits import SizeLimits
from ..tensors.text import as_bytes
from .base import (
    STATELESS,
    Arrays,
    Model,
    Options,
    Setting,
    chosen,
)
from .openvino_profile import OpenVinoProfiler
from .profiler import Profiler

_CPU = "CPU"
SETTINGS = (
    # For one call after another, or for many at once.
    Setting("hint", "latency", "own", ("throughput",)),
    # Arithmetic of float32; processors with AMX would take bfloat16 by themselves.
    Setting("precision", "f32", "own", ("bf16", "f16")),
    Setting("pinning", "on", "own", ("off",)),
    Setting("threads", "given", "own"),
)


class OpenVino(Model):
    """A compiled model and its one request."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = chosen(SETTINGS, options)
        self._threads = options.threads
        self._profiled = options.profiled
        core = ov.Core()
        model = core.read_model(str(path))
        for index, port in enumerate(model.inputs):
            if port.get_partial_shape().rank.is_dynamic:
                raise NotImplementedError(
                    f"OpenVINO takes no input of unknown rank on a CPU, as "
                    f"'{_spec(port, f'input_{index}').name}' is; save the model with its rank, by "
                    "`model.reshape`"
                )
        self._compiled = core.compile_model(model, _CPU, self._properties(options.threads))
        self._request = self._compiled.create_infer_request()
        self._requests = WeakSet([self._request])
        self.signature = Signature(
            tuple(_spec(port, f"input_{i}") for i, port in enumerate(self._compiled.inputs)),
            tuple(_spec(port, f"output_{i}") for i, port in enumerate(self._compiled.outputs)),
        )
        self._inputs = [spec.name for spec in self.signature.inputs]
        self.size_limits = {
            (name, axis): limits
            for name, port in zip(self._inputs, self._compiled.inputs, strict=True)
            for axis, limits in _size_limits(port.get_partial_shape())
        }
        self._outputs = [spec.name for spec in self.signature.outputs]

    def _properties(self, threads: int) -> dict[str, Any]:
        settings = self._settings
        values: dict[str, Any] = {}
        if settings["hint"] != "own":
            values["PERFORMANCE_HINT"] = settings["hint"].upper()
        if settings["precision"] != "own":
            values["INFERENCE_PRECISION_HINT"] = settings["precision"]
        if settings["pinning"] != "own":
            values["ENABLE_CPU_PINNING"] = settings["pinning"] == "on"
        if settings["threads"] == "given":
            values["INFERENCE_NUM_THREADS"] = threads
        if self._profiled:
            values["PERF_COUNT"] = True
        return values

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        self._request.infer(self._ordered(inputs), share_inputs=True, share_outputs=True)
        return self.fetch(self._request)

    def _ordered(self, inputs: Arrays) -> dict[int, Any]:
        return {
            index: _text_tensor(inputs[name]) if inputs[name].dtype.kind == "O" else inputs[name]
            for index, name in enumerate(self._inputs)
        }

    def stage(self, inputs: Arrays) -> ov.InferRequest:
        """A request of its own, with a copy of the inputs."""
        request = self._compiled.create_infer_request()
        self._requests.add(request)
        for index, array in self._ordered(inputs).items():
            if isinstance(array, np.ndarray):
                array = ov.Tensor(array, shared_memory=False)
            request.set_input_tensor(index, array)
        return request

    def run_staged(self, staged: ov.InferRequest) -> ov.InferRequest:
        """Start; the result may be unfinished."""
        staged.start_async()
        return staged

    def sync(self, result: ov.InferRequest) -> None:
        """Wait for the request."""
        result.wait()

    def fetch(self, result: ov.InferRequest) -> Arrays:
        """Copy the outputs of a request, which waits for them."""
        result.wait()
        return {
            name: _array(result.get_output_tensor(index))
            for index, name in enumerate(self._outputs)
        }

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the request."""
        request, ordered = self._request, self._ordered(inputs)
        count = len(self._outputs)

        def call() -> object:
            request.infer(ordered, share_inputs=True, share_outputs=True)
            return [_array(request.get_output_tensor(index)) for index in range(count)]

        return call

    def state_reset(self) -> Callable[[], object]:
        """Reset the variables of every request."""
        if not self._request.query_state():
            return STATELESS

        def reset() -> None:
            for request in self._requests:
                request.reset_state()

        return reset

    def profiler(self, folder: Path) -> Profiler:
        """The counters of the request."""
        return OpenVinoProfiler(self._compiled, self._request)

    def placement(self) -> dict[str, Any]:
        """Where the model was compiled for, and with what."""
        ran_on = list(self._compiled.get_property("EXECUTION_DEVICES"))
        return {
            "device": "cpu" if ran_on == [_CPU] else "other",
            "devices": ran_on,
            "threads": self._threads,
            "precision": str(self._compiled.get_property("INFERENCE_PRECISION_HINT")),
            "settings": self._settings,
        }


def _text_tensor(array: np.ndarray) -> ov.Tensor:
    """A tensor of text, which OpenVINO makes of arrays of fixed width only.

    Raises:
        NotImplementedError: a value ends with a zero byte, which such an array loses.
    """
    values = as_bytes(array)
    if any(value.endswith(b"\0") for value in values.flat):
        raise NotImplementedError("OpenVINO's Python takes no text that ends with a zero byte")
    return ov.Tensor(values.astype(np.bytes_))


def _array(tensor: ov.Tensor) -> np.ndarray:
    """A copy of a tensor; text as bytes."""
    if tensor.element_type == ov.Type.string:
        return as_bytes(tensor.bytes_data)
    return np.array(tensor.data)


def _spec(port: Any, nameless: str) -> TensorSpec:
    shape = port.get_partial_shape()
    sizes: tuple[int | None, ...] | None = None
    if shape.rank.is_static:
        sizes = tuple(size.get_length() if size.is_static else None for size in shape)
    names = sorted(port.get_names())
    name = port.get_any_name() if names else port.get_node().get_friendly_name() or nameless
    kind = port.get_element_type()
    if kind.get_type_name() == "string":
        return TensorSpec(name, sizes, "string")
    if kind.get_type_name() in ("bf16", "i4", "u4", "u1", "f8e4m3", "f8e5m2"):
        raise NotImplementedError(f"'{name}' is of type {kind.get_type_name()}")
    return TensorSpec(name, sizes, np.dtype(kind.to_dtype()).name)


def _size_limits(shape: Any) -> Iterator[tuple[int, SizeLimits]]:
    """The bounds of the free dimensions of a shape, by axis."""
    for axis, size in enumerate(shape if shape.rank.is_static else ()):
        if size.is_dynamic:
            most = size.get_max_length()  # -1 where there is none
            yield axis, SizeLimits(1, max(1, size.get_min_length()), most if most >= 0 else None)


def devices() -> list[str]:
    """What OpenVINO can run on here."""
    core = ov.Core()
    return [
        f"{name}: {core.get_property(name, 'FULL_DEVICE_NAME')}" for name in core.available_devices
    ]


def has_cuda() -> str:
    """Why it cannot run on an NVIDIA GPU."""
    return "OpenVINO runs on the CPU here: use --device cpu"


def load(path: Path, options: Options) -> OpenVino:
    """Load an IR or ONNX file."""
    return OpenVino(path, options)
