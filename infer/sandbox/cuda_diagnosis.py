"""Diagnose which layer of the sandbox, if any, prevents CUDA from starting on this machine."""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..system.cuda_driver import CudaError, start
from ..system.passed_variables import passed_variables
from ..system.visible_cards import variables_for_card
from .cuda_driver_start import last_line
from .isolation import LAYERS, VARIABLE, isolate
from .launcher import command_of

_NVML = "libnvidia-ml.so.1"
# By the name in the results; "none" first, which also makes the kernel create its devices.
_CASES: dict[str, tuple[str, ...]] = {
    "none": (),
    **{layer: (layer,) for layer in LAYERS},
    "all": LAYERS,
}
# Why CUDA did not start with all layers, by the visible cards.
_isolated: dict[str | None, str | None] = {}
_trying = threading.Lock()  # workers may fail in several threads


def cuda_by_layer(
    timeout_s: float = 60.0, python: str = sys.executable, card: str | None = None
) -> list[dict[str, Any]]:
    """Start CUDA with no layer of a cuda worker's sandbox, with each alone, and with all.

    Args:
        timeout_s: seconds that each may take.
        python: the interpreter of the processes.
        card: value of CUDA_VISIBLE_DEVICES for them; None leaves the variable unchanged.

    Returns:
        For each, in that order: "layer": "none", "landlock", "seccomp", "capabilities" or "all";
        "cuinit": what the driver came to, 0 for success, None where there is no driver or it did
        not answer; "name" of that, such as "CUDA_SUCCESS"; "version" of CUDA that the driver has;
        "devices": how many cards it sees; "context": whether a context could be made, and memory
        allocated, copied to and back; "nvml": what the library of nvidia-smi came to, which
        frameworks ask as well, 0 for success, None where there is none; "open": reasons why a
        layer that was asked for could not be closed here; "seconds" that the process took; "error"
        in words, or None.
    """
    environment = passed_variables() | variables_for_card(card)
    return [_try(name, layers, timeout_s, python, environment) for name, layers in _CASES.items()]


def failure(python: str, environment: Mapping[str, str], timeout_s: float) -> str | None:
    """Explain why the card cannot be used although the driver starts; None if it can.

    Whether the sandbox is the cause is tried once for the same cards, and only if the card can be
    used outside the sandbox: another process may hold its memory, or use it exclusively.

    Args:
        python: the interpreter of the worker.
        environment: its environment variables.
        timeout_s: seconds that each attempt may take.
    """
    cards = environment.get("CUDA_VISIBLE_DEVICES")
    with _trying:
        outside = _try("none", (), timeout_s, python, environment)["error"]
        if outside is not None:
            return f"the card cannot be used, outside of the sandbox either: {outside}"
        if environment.get(VARIABLE) == "off":
            return None
        if cards not in _isolated:
            _isolated[cards] = _try("all", LAYERS, timeout_s, python, environment)["error"]
    if _isolated[cards] is None:
        return None
    return (
        f"the CUDA driver starts on this machine, but not in the sandbox: {_isolated[cards]}; "
        f"{VARIABLE}=off measures without it"
    )


def _try(
    name: str,
    layers: tuple[str, ...],
    timeout_s: float,
    python: str,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    command = command_of(python, "sandbox.cuda_diagnosis", ",".join(layers))
    environment = {key: value for key, value in environment.items() if key != VARIABLE}
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="exportbench-") as folder:
        answer = last_line(command, environment, timeout_s, None, Path(folder))
    answer.pop("ended", None)
    seconds = time.perf_counter() - begun
    return (
        {"layer": name, "context": False, "nvml": None, "open": []} | answer | {"seconds": seconds}
    )


def main(arguments: list[str]) -> None:
    """Apply the layers, start CUDA, and print how far that came; runs in a separate process."""
    layers = [layer for layer in arguments[0].split(",") if layer]
    asked = {"landlock": "writes", "seccomp": "network"}
    closed = isolate(Path.cwd(), cuda=True, layers=layers)
    reasons = [closed[asked[layer]] for layer in layers if layer in asked]
    driver, result = start()
    result |= {"context": False, "open": [reason for reason in reasons if reason]}
    # Printed after every step, since the next one may end the process.
    print(json.dumps(result), flush=True)
    result["nvml"] = _nvml()
    print(json.dumps(result), flush=True)
    if driver is not None and result["devices"]:
        try:
            driver.try_context()
            result["context"] = True
        except (CudaError, ValueError) as error:
            result["error"] = str(error)
        print(json.dumps(result), flush=True)


def _nvml() -> int | None:
    try:
        return int(ctypes.CDLL(_NVML).nvmlInit_v2())
    except OSError:
        return None
