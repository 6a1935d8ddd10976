"""Choose the device of a run: the CPU, or one card that its runtimes can use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..artifacts.artifact import Artifact
from ..errors import OptionError, UsageError
from ..outcome import Failure
from ..runtimes.registry import RUNTIMES
from ..system import nvml, nvml_library
from ..system.nvml import Card
from ..system.visible_cards import named, visible
from ..variant import Variant
from ..worker.client import WorkerProcess

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class RuntimeEnvironment:
    """A runtime, and the interpreter that it is installed in.

    Attributes:
        runtime: its name.
        python: path of the interpreter that the user chose; None for the one that has the runtime.
    """

    runtime: str
    python: str | None = None


@dataclass(frozen=True)
class DeviceChoice:
    """The device of a run.

    Attributes:
        device: "cpu" or "cuda".
        card: value of CUDA_VISIBLE_DEVICES for the workers; None for the CPU, and if no card is
            needed.
        unsupported: why an artifact's runtime cannot use the card, by label.
        notices: important notices for the reader of the results.
    """

    device: str
    card: str | None = None
    unsupported: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def choose(wanted: str, environments: Mapping[str, RuntimeEnvironment]) -> DeviceChoice:
    """Choose the device of a run: a card is used only if an installed runtime can use it.

    The runtimes are asked in short separate processes, and only if there is a card.

    Args:
        wanted: the device that the user asked for, as `parse_device` returns it.
        environments: the runtimes of the artifacts that can be opened, by label.

    Raises:
        UsageError: the requested card does not exist, or cannot be used for this run.
    """
    if wanted == "cpu":
        return DeviceChoice("cpu")
    there = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if wanted == "auto":
        if not there:
            problem = nvml_library.problem()
            return DeviceChoice("cpu", notices=(f"NO CARD IS USED: {problem}.",) if problem else ())
        if not environments:
            return DeviceChoice("cpu")
        card = next((card for card in there if not card.unusable), None)
        if card is None:
            return DeviceChoice("cpu", notices=(f"THE CARD IS NOT USED: {there[0].unusable}.",))
    elif (
        not there
        and environments
        and all(RUNTIMES[environment.runtime].for_tests for environment in environments.values())
    ):
        return DeviceChoice("cuda")  # the fake runtime stands for a card in tests and needs none
    else:
        card = _wanted(wanted, there)
    _check_shared(card, wanted, len(environments))
    problems = cuda_problems(list(dict.fromkeys(environments.values())), card)
    unsupported = {
        label: problem
        for label, environment in environments.items()
        if (problem := problems[environment])
    }
    if wanted == "auto" and len(unsupported) == len(environments):
        why = "; ".join(dict.fromkeys(unsupported.values()))
        return DeviceChoice(
            "cpu", notices=(f"THE CARD IS NOT USED: {card.title} is here, but {why}.",)
        )
    return DeviceChoice("cuda", card.visible_as, unsupported)


def device_and_card(wanted: str, runtime: str) -> tuple[str, str | None]:
    """Choose device and card of a single worker, whether or not its runtime can use them.

    Args:
        wanted: the requested device, as `parse_device` returns it, except "auto".
        runtime: name of the runtime.

    Returns:
        "cpu" or "cuda", and the value of CUDA_VISIBLE_DEVICES for the worker.

    Raises:
        UsageError: the requested card does not exist, or cannot be used.
    """
    if wanted == "cpu":
        return "cpu", None
    there = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if RUNTIMES[runtime].for_tests and not there:
        return "cuda", None
    return "cuda", _wanted(wanted, there).visible_as


def cuda_problems(
    environments: Sequence[RuntimeEnvironment], card: Card
) -> dict[RuntimeEnvironment, str | None]:
    """Say why each runtime cannot use a card, and what to install; None for those that can.

    Each is imported in a separate process, several at a time.
    """
    # Built-in runtimes that share a package share the answer.
    asked = {_library(environment): environment for environment in environments}
    with ThreadPoolExecutor(max_workers=len(asked) or 1) as pool:
        problems = pool.map(
            lambda environment: _cuda_problem(environment, card.visible_as), asked.values()
        )
        by_library = dict(zip(asked, problems, strict=True))
    return {environment: by_library[_library(environment)] for environment in environments}


def _library(environment: RuntimeEnvironment) -> tuple[object, ...]:
    """A key that is equal for runtimes whose answers are equal."""
    runtime = RUNTIMES[environment.runtime]
    return runtime.external, runtime.package, environment.python


@cache
def _cuda_problem(environment: RuntimeEnvironment, card: str) -> str | None:
    runtime = RUNTIMES[environment.runtime]
    if runtime.package is None:
        return None
    with tempfile.TemporaryDirectory(prefix="exportbench-") as name:
        folder = Path(name)
        nothing = Artifact(environment.runtime, folder, runtime.formats[0], folder)
        python = environment.python or None
        variant = Variant(environment.runtime, python=python, interpreter=python)
        try:
            with WorkerProcess(
                nothing,
                device="cuda",
                card=card,
                threads=1,
                scratch=folder / "worker",
                log=folder / "worker.log",
                timeout_s=_TIMEOUT_S,
                variant=variant,
            ) as worker:
                worker.start()
                return worker.has_cuda()
        except (Failure, OSError) as failure:
            return str(failure)


def check_card(card: str | None) -> None:
    """Check that the card of a resumed run can be used.

    Raises:
        UsageError: it cannot.
    """
    if card is None:
        return
    there = visible(nvml.cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    present = next((entry for entry in there if entry.visible_as == card), None)
    if present is None:
        raise UsageError(
            f"--resume: the run is on the card {card}, which is not here"
            f"{_or_hidden()}; start a new run"
        )
    if present.unusable:
        raise UsageError(f"--resume: {present.unusable}")


def _wanted(wanted: str, there: Sequence[Card]) -> Card:
    """Find the card of "cuda", "cuda:N" or "cuda:UUID"."""
    if not there:
        hidden = _or_hidden()
        why = f": {nvml_library.problem()}" if nvml_library.problem() else ""
        raise OptionError(
            "device", wanted, f"the driver knows of no NVIDIA card here{hidden or why}"
        )
    name = wanted.partition(":")[2]
    if name.isdigit():
        card = there[int(name)] if int(name) < len(there) else None
    else:
        card = named(there, name) if name else there[0]
    if card is None:
        listed = ", ".join(f"cuda:{number} {entry.title}" for number, entry in enumerate(there))
        raise OptionError("device", wanted, f"there is no such card: choose one of {listed}")
    if card.unusable:
        raise OptionError("device", wanted, card.unusable)
    return card


def _or_hidden() -> str:
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if value is None else f", or CUDA_VISIBLE_DEVICES='{value}' hides it"


def _check_shared(card: Card, wanted: str, artifacts: int) -> None:
    """Check that several processes can use a card at a time, if the run has several.

    Raises:
        UsageError: they cannot.
    """
    if artifacts > 1 and card.compute_mode == "exclusive process":
        raise OptionError(
            "device",
            wanted,
            f"{card.title} is in compute mode exclusive process, and artifacts "
            "that are compared are live on it together: share it with "
            f"nvidia-smi -i {card.index} -c DEFAULT, as root, or take --device cpu, or one "
            "artifact a run",
        )
