"""The contract between the worker and a runtime.

A runtime is a module (`RuntimeModule`), whose `load` returns a `Model`. A new runtime needs a file
beside this one and an entry in the registry.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Protocol, cast

import numpy as np

from ..tensors.signature import SERVING, Signature, TensorSpec
from ..tensors.size_limits import SizeLimits
from .profiler import Profiler

# Text is of type object: `str`, or `bytes` if one value is no UTF-8; outputs may be either.
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Options:
    """The options of a runtime.

    Attributes:
        device: "cpu" or "cuda".
        threads: number of threads for the arithmetic of one call.
        manifest: fields of the manifest, if there is one, such as the names of outputs.
        untuned: whether to keep the runtime's own defaults, instead of its makers' advice.
        settings: values of single settings, by name.
        signature: name of the function to call, if a file has several; None for its default.
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        scratch: folder for the runtime's own files; it need not exist yet.
        profiled: whether to load it so that the runtime's profiler tells all that it can.
    """

    device: str = "cpu"
    threads: int = 1
    manifest: Mapping[str, Any] = field(default_factory=dict)
    untuned: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    signature: str | None = None
    tf32: bool = False
    scratch: Path = field(default_factory=Path.cwd)
    profiled: bool = False


@dataclass(frozen=True)
class Setting:
    """A setting of a runtime; docs/runtimes.md says what each one changes.

    Attributes:
        name: name on the command line.
        tuned: the value that is used by default.
        untuned: the value that corresponds to the runtime's own default.
        others: other values that can be tried.
        device: the only device that it applies to; None for all.
    """

    name: str
    tuned: str
    untuned: str
    others: tuple[str, ...] = ()
    device: str | None = None


# A setting of every runtime: whether the process keeps freed memory, in large pages. The controller
# sets it, since the C library reads it only when the process starts.
ALLOCATOR = Setting("allocator", "kept", "own")
# A setting of runtimes that accept it at load; the option --tf32 changes "off" to "on".
TF32 = Setting("tf32", "off", "own", ("on",), "cuda")
# Set to 0, it forbids TF32 in NVIDIA's libraries, even if a program requests it.
TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE"


def chosen(settings: Sequence[Setting], options: Options) -> dict[str, str]:
    """Choose the value of every setting that applies to the device, including the allocator.

    Raises:
        ValueError: a setting or value does not exist on this device.
    """
    elsewhere = {setting.name: setting.device for setting in settings}
    settings = (
        ALLOCATOR,
        *(setting for setting in settings if setting.device in (None, options.device)),
    )
    unknown = options.settings.keys() - {setting.name for setting in settings}
    if unknown:
        name = min(unknown)
        if name in elsewhere:
            raise ValueError(
                f"the setting '{name}' is one for {elsewhere[name]}, this is on {options.device}"
            )
        names = ", ".join(setting.name for setting in settings)
        raise ValueError(f"no setting '{name}' (there are: {names})")
    values = {}
    for setting in settings:
        value = setting.untuned if options.untuned else setting.tuned
        if setting == TF32 and options.tf32 and not options.untuned:
            value = "on"
        value = options.settings.get(setting.name, value)
        known = dict.fromkeys((setting.tuned, setting.untuned, *setting.others))
        if value not in known:
            raise ValueError(f"{setting.name}={value}: choose one of {', '.join(known)}")
        values[setting.name] = value
    return values


def tf32_used(allowed: bool | None, options: Options) -> bool | None:
    """Whether products of float32 may be calculated in TF32; None if not known.

    Args:
        allowed: what the runtime reports, or what the program requests.
        options: options of the runtime.
    """
    if options.device == "cpu" or os.environ.get(TF32_OVERRIDE) == "0":
        return False
    return allowed


def choose(names: Sequence[str], wanted: str | None) -> str:
    """Choose a signature: the requested one, the one for serving, or the only one.

    Raises:
        ValueError: the name does not exist, or there are several and none was requested.
    """
    known = ", ".join(sorted(names))
    if wanted is not None and wanted not in names:
        raise ValueError(f"no signature '{wanted}' (there are: {known or 'none'})")
    if wanted is None and len(names) > 1 and SERVING not in names:
        raise ValueError(f"several signatures, {known}: choose one with --signature")
    return wanted or (SERVING if SERVING in names else names[0])


def STATELESS() -> None:  # noqa: N802 - a constant, which can be called
    """What `Model.state_reset` returns for a model whose calls cannot change a state."""


class Model(ABC):
    """A loaded artifact, as a runtime's `load` returns it.

    Attributes:
        signature: names, shapes and types of inputs and outputs.
        notes: notes for the reader of its times.
        optional: names of inputs that a call may omit.
        defaults: inputs that have a default value, and are not in the signature until `take`.
        stored_types: types that quantised inputs are stored in, which take real numbers, by name.
        raw_setting: FORMAT:SETTING=VALUE that takes these as they are stored.
        size_limits: limits of free dimensions that the file states, by input and axis.
        can_enqueue: whether `enqueue` returns without waiting for the device.
    """

    signature: Signature
    notes: Sequence[str] = ()
    optional: Collection[str] = ()
    defaults: Sequence[TensorSpec] = ()
    stored_types: Mapping[str, str] = MappingProxyType({})
    raw_setting: str = ""
    size_limits: Mapping[tuple[str, int], SizeLimits] = MappingProxyType({})
    can_enqueue: bool = False

    @abstractmethod
    def run(self, inputs: Arrays) -> Arrays:
        """Run on host arrays and return host arrays; finished when it returns."""

    @abstractmethod
    def stage(self, inputs: Arrays) -> Any:
        """Move the inputs to the device, and return a handle to them."""

    @abstractmethod
    def run_staged(self, staged: Any) -> Any:
        """Run on staged inputs; the result may stay on the device and be unfinished."""

    @abstractmethod
    def sync(self, result: Any) -> None:
        """Return when the result of `run_staged` is finished."""

    @abstractmethod
    def fetch(self, result: Any) -> Arrays:
        """Copy the result of `run_staged` to the host."""

    @abstractmethod
    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """Return the shortest code for what `run` does, to measure the harness's overhead."""

    @abstractmethod
    def placement(self) -> dict[str, Any]:
        """Where it really ran, asked after a call.

        `device` ("cpu" or "cuda") and `devices` in the runtime's words, `threads`, `settings`;
        `tf32`, read back: whether products of float32 may be calculated in TF32, None where it
        cannot be told; where a graph may be spread, `nodes`, the number of its operators by
        device, and on a GPU `on_cpu`, those that are not there, by kind. What it says on a GPU
        may take another call of a model that keeps no state.
        """

    def take(self, names: Collection[str]) -> None:
        """Take these of the inputs that have a default in every later call."""
        taken = [spec for spec in self.defaults if spec.name in names]
        self.defaults = [spec for spec in self.defaults if spec.name not in names]
        self.signature = Signature((*self.signature.inputs, *taken), self.signature.outputs)

    def settle(self) -> None:  # noqa: B027 - most have nothing to find out
        """Determine properties that need calls; run after loading, untimed."""

    def state_reset(self) -> Callable[[], object] | None:
        """Return a function that returns the model to its present state, without loading it again.

        Asked after loading, before the first call. `STATELESS` if calls cannot change a state; None
        if only loading the model again does it.
        """
        return None

    def enqueue(self, staged: Any) -> Any:
        """Do `run_staged` without waiting for the device, if `can_enqueue`; `sync` waits."""
        return self.run_staged(staged)

    def event_seconds(self, staged: Any) -> float | None:
        """Time one `run_staged` by the device's events, in seconds; None if it has none.

        That is the time between two events in the device's queue. It returns when the call is done.
        """
        return None

    def profiler(self, folder: Path) -> Profiler:
        """The runtime's own profiler, for a model that was loaded with `Options.profiled`.

        Args:
            folder: where it may write; it exists.

        Raises:
            NotImplementedError: why there is none.
        """
        raise NotImplementedError("its runtime has no profiler that exportbench knows")

    def gpu_peak_bytes(self) -> int | None:
        """The most bytes held by the runtime on the card so far; None if it does not count them."""
        return None


class RuntimeModule(Protocol):
    """The functions of a runtime's module."""

    def load(self, path: Path, options: Options) -> Model:
        """Load the payload at a path; the runtime's exceptions are passed on."""

    def devices(self) -> list[str]:
        """The devices that the runtime can run on here, in its own terms."""

    def has_cuda(self) -> str | None:
        """Why the runtime cannot run on a GPU here, and what to install; None if it can."""


def runtime_module(module: ModuleType) -> RuntimeModule:
    """Check that an imported module is a runtime's.

    Raises:
        NotImplementedError: it lacks a part of the contract.
    """
    for name in ("load", "devices", "has_cuda"):
        if not hasattr(module, name):
            raise NotImplementedError(f"the module {module.__name__} of a runtime has no '{name}'")
    return cast(RuntimeModule, module)
