"""ONNX in ONNX Runtime."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from ..tensors.signature import Signature, unique_names
from .base import STATELESS, TF32, Arrays, Model, Options, Setting, chosen, tf32_used
from .onnx_graphs import Captured
from .onnx_profile import OnnxProfiler
from .onnx_providers import PROVIDERS, allows_tf32, cuda_options, nodes_taken
from .onnx_values import arrays_of, as_text, spec_of, unranked_names
from .profiler import Profiler

# A call that returns when all is enqueued. By itself it waits for the device at its end.
_NOT_WAITING = ort.RunOptions()
_NOT_WAITING.add_run_config_entry("disable_synchronize_execution_providers", "1")
_RECORD_NODES = "session.record_ep_graph_assignment_info"
_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_RANDOM = ("Random", "Multinomial", "Bernoulli", "Dropout")
SETTINGS = (
    Setting("graph", "all", "all", ("extended", "basic", "none")),
    Setting("spinning", "on", "on", ("off",)),
    Setting("arena", "on", "on", ("off",)),
    Setting("memory-pattern", "on", "on", ("off",)),
    # As many as it is given; by itself it takes one for every physical core.
    Setting("threads", "given", "own"),
    TF32,
    # How it chooses among cuDNN's algorithms: by timing them all, or by cuDNN's own guess.
    Setting("conv-search", "exhaustive", "exhaustive", ("heuristic", "default"), "cuda"),
    Setting("layout", "nchw", "nchw", ("nhwc",), "cuda"),
    # Whether a graph may load of which a node would run on the CPU. That refuses the arithmetic on
    # shapes too, which it puts there on purpose; so what is there is rather read and named.
    Setting("fallback", "on", "on", ("off",), "cuda"),
    Setting("cuda-graphs", "off", "off", ("on",), "cuda"),
)


class Onnx(Model):
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
        settings.add_session_config_entry(_RECORD_NODES, "1")
        if options.profiled:
            options.scratch.mkdir(exist_ok=True)
            settings.enable_profiling = True
            settings.profile_file_prefix = str(options.scratch / "profile")
        provider: Any = PROVIDERS[options.device]
        if options.device == "cuda":
            if self._settings["fallback"] == "off":
                settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            provider = (provider, cuda_options(self._settings))
        self._options = options
        self._threads = options.threads
        self._device = options.device
        try:
            # By itself it would go on with the CPU when the GPU fails, at load and at any call.
            self._session = ort.InferenceSession(
                str(path), settings, providers=[provider], enable_fallback=0
            )
        except state.NotImplemented as error:
            raise NotImplementedError(str(error)) from None
        if PROVIDERS[options.device] not in self._session.get_providers():
            raise NotImplementedError(has_cuda() or "ONNX Runtime did not take its CUDA provider")
        ports = self._session.get_inputs(), self._session.get_outputs()
        unranked = unranked_names(path, ports)
        self.signature = Signature(
            *(
                tuple(spec_of(value, is_unranked=value.name in unranked) for value in values)
                for values in ports
            )
        )
        # Inputs of the graph whose initializer is their default. Old files list weights too.
        self.defaults = [
            spec_of(value, is_unranked=False)
            for value in self._session.get_overridable_initializers()
            if re.fullmatch(r"tensor\((?!string|bfloat16|float8|u?int4).*\)", value.type)
        ]
        self._outputs = [spec.name for spec in self.signature.outputs]
        # The graph's own names, of which one may be several outputs.
        self._sources = [value.name for value in self._session.get_outputs()]
        self._fetched = list(dict.fromkeys(self._sources))
        values = itertools.chain(*ports)
        # Numbers stay on the device between calls; text and sequences are the host's.
        self._stays = all(re.fullmatch(r"tensor\((?!string).*\)", v.type) for v in values)
        self._captured: Captured | None = None
        if self._settings.get("cuda-graphs") == "on":
            if not self._stays:
                raise NotImplementedError("CUDA graphs take numbers only, no text or sequences")
            self._captured = Captured(self._session, self._fetched, self._device)
        self._sequences = {
            value.name for value in self._session.get_inputs() if "seq(" in value.type
        }
        # They may be left out of a call; a sequence is then empty.
        self.optional = self._sequences | {
            value.name for value in self._session.get_inputs() if "optional(" in value.type
        }
        self.notes = [
            f"{name}: its sequence is given as one array, a part of the first dimension each"
            for name in sorted(self._sequences)
        ]
        self.can_enqueue = self._device == "cuda" and self._stays and not self._captured

    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out."""
        if self._captured:
            return self.fetch(self._captured.run(self._captured.stage(inputs)))
        if self._stays:
            return self._named(self._session.run(self._fetched, inputs))
        return self._flat(self._run(self._fed(inputs)))

    def _named(self, values: list[Any]) -> dict[str, Any]:
        """The outputs by name, from the values of `_fetched`."""
        by_source = dict(zip(self._fetched, values, strict=True))
        return {
            name: by_source[source]
            for name, source in zip(self._outputs, self._sources, strict=True)
        }

    def _run(self, fed: dict[str, Any]) -> list[Any]:
        try:
            return self._session.run(self._fetched, fed)  # type: ignore[no-any-return]
        except UnicodeDecodeError:
            raise NotImplementedError(
                "an output holds bytes that are no UTF-8, which ONNX Runtime's Python does not give"
            ) from None

    def _fed(self, inputs: Arrays) -> dict[str, Any]:
        fed: dict[str, Any] = dict.fromkeys(self.optional)
        inputs = {name: as_text(array) for name, array in inputs.items()}
        fed |= {name: array for name, array in inputs.items() if not name.endswith("]")}
        for name in self._sequences:
            if name in inputs:
                fed[name] = list(inputs[name])
            else:
                parts = (f"{name}[{index}]" for index in itertools.count())
                fed[name] = [
                    inputs[part] for part in itertools.takewhile(inputs.__contains__, parts)
                ]
        return fed

    def _flat(self, values: list[Any]) -> Arrays:
        parts = [
            part for name, value in self._named(values).items() for part in arrays_of(name, value)
        ]
        names = unique_names(name for name, _ in parts)
        return {name: array for name, (_, array) in zip(names, parts, strict=True)}

    def stage(self, inputs: Arrays) -> Any:
        """Bind the inputs, copied to the device, and let the outputs stay there."""
        if self._captured:
            return self._captured.stage(inputs)
        if not self._stays:
            return self._fed(inputs)
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(
                name, ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)
            )
        for name in self._fetched:
            binding.bind_output(name, self._device)
        return binding

    def run_staged(self, staged: Any) -> Any:
        """Run on what is bound."""
        if self._captured:
            return self._captured.run(staged)
        if not self._stays:
            return self._run(staged)
        self._session.run_with_iobinding(staged)
        return staged

    def enqueue(self, staged: Any) -> Any:
        """As `run_staged`, without the wait: the binding waits for all of the device's work."""
        self._session.run_with_iobinding(staged, _NOT_WAITING)
        return staged

    def sync(self, result: Any) -> None:
        """Wait for the device."""
        if self._stays:
            result.synchronize_outputs()

    def fetch(self, result: Any) -> Arrays:
        """Copy the outputs to the host."""
        if self._captured:
            return self._named(list(self._captured.fetch(result).values()))
        if not self._stays:
            return self._flat(result)
        return self._named(result.copy_outputs_to_cpu())

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """A call of the session."""
        if self._captured:
            return lambda: self.run(inputs)
        fed = inputs if self._stays else self._fed(inputs)
        return lambda: self._session.run(self._fetched, fed)

    def state_reset(self) -> Callable[[], object] | None:
        """Graphs keep no state, but for generators of random numbers."""
        taken = nodes_taken(self._session) or {}
        kinds = {kind for counts in taken.values() for kind in counts}
        return None if any(kind.startswith(_RANDOM) for kind in kinds) else STATELESS

    def profiler(self, folder: Path) -> Profiler:
        """The profile of the session."""
        return OnnxProfiler(self._session)

    def placement(self) -> dict[str, Any]:
        """The providers that the session has, and which of them took each node."""
        providers = self._session.get_providers()
        cuda = PROVIDERS["cuda"]
        taken = nodes_taken(self._session)
        report: dict[str, Any] = {
            "device": "cuda" if cuda in (taken or providers) else "cpu",
            "devices": providers,
            "threads": self._threads,
            "tf32": tf32_used(allows_tf32(self._session), self._options),
            "settings": self._settings,
        }
        if taken is not None:
            names = {provider: device for device, provider in PROVIDERS.items()}
            report["nodes"] = {names.get(name, name): sum(taken[name].values()) for name in taken}
            if self._device == "cuda":
                report["on_cpu"] = dict(taken.get(PROVIDERS["cpu"], {}))
        return report


def devices() -> list[str]:
    """What ONNX Runtime can run on here."""
    return [name.removesuffix("ExecutionProvider") for name in ort.get_available_providers()]


def has_cuda() -> str | None:
    """Why ONNX Runtime cannot run on a GPU here; None if it can."""
    if PROVIDERS["cuda"] not in ort.get_available_providers():
        return (
            f"ONNX Runtime {ort.__version__} is a build without CUDA: pip uninstall onnxruntime, "
            "then pip install onnxruntime-gpu"
        )
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # CUDA libraries that another installed package brings
    try:
        # The build says nothing of a device, nor whether its libraries load: memory on it does.
        ort.OrtValue.ortvalue_from_numpy(np.zeros(1, np.float32), "cuda", 0)
    except Exception as error:
        return (
            f"ONNX Runtime {ort.__version__} is built for CUDA but cannot use it here "
            f"({' '.join(str(error).split())[:200]}): its CUDA and cuDNN libraries come with "
            "pip install 'onnxruntime-gpu[cuda,cudnn]'; else look at nvidia-smi"
        )
    return None


def load(path: Path, options: Options) -> Onnx:
    """Load an ONNX file."""
    return Onnx(path, options)
