"""Measure the peak rates of the device of a run, in a separate process."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..codec import DecodeError
from ..sandbox.launcher import command_of
from ..system.passed_variables import passed_variables
from ..system.process_answer import AnswerTooLongError, answer_of
from ..system.visible_cards import variables_for_card

_Rates = dict[str, float | str | dict[str, str] | None]


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
        answered = answer_of(command, timeout_s, environment=environment)
        if answered.status == 0:
            return rates | _measured(answered.decoded(_Rates, "peak rates"))
        lines = answered.printed.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"its process ended with status {answered.status}"
    except TimeoutError:
        reason = f"it took over {timeout_s:g} s"
    except AnswerTooLongError:
        reason = "its process answers without end"
    except (OSError, DecodeError) as error:
        reason = str(error)
    return rates | {"failed": {"flops_per_s": reason, "bytes_per_s": reason}}


def _measured(rates: Mapping[str, Any]) -> dict[str, Any]:
    """The rates of an answer; one that is no rate could not be measured."""
    wrong = {
        name: f"is {rate}"
        for name, rate in rates.items()
        if isinstance(rate, float) and not (math.isfinite(rate) and rate > 0)
    }
    failed = rates.get("failed")
    return {
        **rates,
        **dict.fromkeys(wrong),
        "failed": (failed if isinstance(failed, dict) else {}) | wrong,
    }
