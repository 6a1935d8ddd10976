"""Measure the peak rates of the device of a run, in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from ..sandbox.launcher import command_of
from ..system.passed_variables import passed_variables
from ..system.visible_cards import variables_for_card


def measure(
    device: str,
    *,
    threads: int,
    card: str | None = None,
    pythons: Sequence[str] = (),
    timeout_s: float = 120.0,
) -> dict[str, Any]:
    """Measure the rates that limit the speed of calls.

    Args:
        device: "cpu" or "cuda".
        threads: number of threads on the CPU.
        card: value of CUDA_VISIBLE_DEVICES; None leaves the variable unchanged.
        pythons: interpreters whose installed libraries may be used, besides this one's.
        timeout_s: seconds after which the process is ended.

    Returns:
        `device`; `flops_per_s` of a float32 matrix product; `bytes_per_s` of a copy (bytes read
        plus bytes written); on cuda also `tf32_flops_per_s` and, for copies between host and card,
        `to_device_bytes_per_s`, `from_device_bytes_per_s` and the same with `pinned_` before
        `bytes`. A rate that could not be measured is None, and `failed` says why, by name.
    """
    if device == "cuda":
        command = command_of(sys.executable, "system.card_roofline", *pythons)
    else:
        command = command_of(sys.executable, "system.cpu_roofline", str(threads))
    environment = passed_variables() | variables_for_card(card)
    rates: dict[str, Any] = {"device": device, "flops_per_s": None, "bytes_per_s": None}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env=environment
        )
        if done.returncode == 0:
            return rates | {"failed": {}} | dict(json.loads(done.stdout))
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"its process ended with status {done.returncode}"
    except subprocess.TimeoutExpired:
        reason = f"it took over {timeout_s:g} s"
    except (OSError, ValueError) as error:
        reason = str(error)
    return rates | {"failed": {"flops_per_s": reason, "bytes_per_s": reason}}
