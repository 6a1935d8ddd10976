"""The contract between the worker and a runtime.

A runtime is one module (`RuntimeModule`), whose `load` returns a `Model`. Adding one is a file
beside this and an entry in the registry.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

import numpy as np

from ..tensors.signature import SERVING, Signature

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Options:
    """How a runtime is to be set up.

    Attributes:
        device: "cpu" or "cuda".
        threads: for the arithmetic of one call.
        manifest: its fields, where there is one; the runtime may need the names of outputs.
        untuned: leave the runtime as it comes, instead of as its makers advise.
        settings: values of single settings, by name.
        signature: name of the function to call, where a file has several; None for its default.
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        scratch: folder for the runtime's own files; it need not exist yet.
    """

    device: str = "cpu"
    threads: int = 1
    manifest: Mapping[str, Any] = field(default_factory=dict)
    untuned: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    signature: str | None = None
    tf32: bool = False
    scratch: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True)
class Setting:
    """A choice that a runtime leaves to its user; docs/runtimes.md says what each brings.

    Attributes:
        name: as on the command line.
        tuned: the value that is used.
        untuned: the value that one has without choosing.
        others: values that can be tried.
        device: the only one that it means something on; None for all.
    """

    name: str
    tuned: str
    untuned: str
    others: tuple[str, ...] = ()
    device: str | None = None


# Of every runtime: whether memory that a call gives back stays with the process, in large pages.
# The controller sets it, since the C library looks once, when the process starts.
ALLOCATOR = Setting("allocator", "kept", "own")
# Of the runtimes that can be told at load; the option --tf32 turns "off" to "on".
TF32 = Setting("tf32", "off", "own", ("on",), "cuda")
# Set to 0, it keeps NVIDIA's libraries from TF32 whatever a program asks of them.
TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE"


def chosen(settings: Sequence[Setting], options: Options) -> dict[str, str]:
    """The value of every setting that means something on the device, that of the allocator too.

    Raises:
        ValueError: a setting or value that there is none of, on this device.
    """
    elsewhere = {one.name: one.device for one in settings}
    settings = (ALLOCATOR, *(one for one in settings if one.device in (None, options.device)))
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
    """Whether products of float32 may be calculated in TF32; None where it cannot be told.

    Args:
        allowed: what the runtime says of itself, or the program of what it asks for.
        options: as the runtime is set up.
    """
    if options.device == "cpu" or os.environ.get(TF32_OVERRIDE) == "0":
        return False
    return allowed


def choose(names: Sequence[str], wanted: str | None) -> str:
    """The signature that is asked for, or that for a server, or the only one.

    Raises:
        ValueError: there is none of that name, or several and none was asked for.
    """
    known = ", ".join(sorted(names))
    if wanted is not None and wanted not in names:
        raise ValueError(f"no signature '{wanted}' (there are: {known or 'none'})")
    if wanted is None and len(names) > 1 and SERVING not in names:
        raise ValueError(f"several signatures, {known}: choose one with --signature")
    return wanted or (SERVING if SERVING in names else names[0])


class Model(ABC):
    """A loaded artifact, as a runtime's `load` returns it.

    Attributes:
        signature: names, shapes and types of inputs and outputs.
        notes: what a reader of its times should know.
        optional: names of inputs that a call may leave out.
        can_enqueue: whether `enqueue` does not wait for the device.
    """

    signature: Signature
    notes: Sequence[str] = ()
    optional: Collection[str] = ()
    can_enqueue: bool = False

    @abstractmethod
    def run(self, inputs: Arrays) -> Arrays:
        """Host arrays in, host arrays out, finished when it returns."""

    @abstractmethod
    def stage(self, inputs: Arrays) -> Any:
        """Put the inputs where the model runs, and return a handle to them."""

    @abstractmethod
    def run_staged(self, staged: Any) -> Any:
        """Run on staged inputs; the result may stay on the device and be unfinished."""

    @abstractmethod
    def sync(self, result: Any) -> None:
        """Return when the result of `run_staged` is finished."""

    @abstractmethod
    def fetch(self, result: Any) -> Arrays:
        """Bring the result of `run_staged` to the host."""

    @abstractmethod
    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """The shortest code for what `run` does, to measure what the harness adds to it."""

    @abstractmethod
    def placement(self) -> dict[str, Any]:
        """Where it really ran, asked after a call.

        `device` ("cpu" or "cuda") and `devices` in the runtime's words, `threads`, `settings`;
        `tf32`, read back: whether products of float32 may be calculated in TF32, None where it
        cannot be told; where a graph may be spread, `nodes`, the number of its operators by
        device, and on a GPU `on_cpu`, those that are not there, by kind. What it says on a GPU
        may take another call of a model that keeps no state.
        """

    def settle(self) -> None:  # noqa: B027 - most have nothing to find out
        """Find out what takes calls to find out; called after loading, untimed."""

    def enqueue(self, staged: Any) -> Any:
        """`run_staged` without the wait for the device, where `can_enqueue`; `sync` waits."""
        return self.run_staged(staged)

    def event_seconds(self, staged: Any) -> float | None:
        """The device's own time of one `run_staged`, in seconds; None where it has no events.

        It is the time between two events in the device's queue, and returns when the call is
        finished.
        """
        return None

    def gpu_peak_bytes(self) -> int | None:
        """The most that the runtime has held on the card so far; None where it does not count."""
        return None


class RuntimeModule(Protocol):
    """What a runtime's module has."""

    def load(self, path: Path, options: Options) -> Model:
        """Load the payload at a path, or raise what the runtime raises."""

    def devices(self) -> list[str]:
        """What the runtime can run on here, in its own words."""

    def has_cuda(self) -> str | None:
        """Why the runtime cannot run on a GPU here, and what to install; None if it can."""


def runtime_module(module: ModuleType) -> RuntimeModule:
    """An imported module as that of a runtime.

    Raises:
        NotImplementedError: it lacks a part of the contract.
    """
    for name in ("load", "devices", "has_cuda"):
        if not hasattr(module, name):
            raise NotImplementedError(f"the module {module.__name__} of a runtime has no '{name}'")
    return cast(RuntimeModule, module)
