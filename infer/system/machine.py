"""Describe this machine, and how busy it is."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from ..best_effort import best_effort
from . import nvml

Value = TypeVar("Value")


def describe() -> dict[str, Any]:
    """Describe processor, cores, memory, load, system and GPUs of this machine.

    What the system does not tell is empty text, 0 or an empty list.
    """
    return {
        "processor": _known(_processor, ""),
        "cores": cores(),
        "memory_bytes": _known(lambda: psutil.virtual_memory().total, 0),
        "load_average": list(_known(os.getloadavg, (0.0, 0.0, 0.0))),
        "system": _known(lambda: platform.platform(terse=True), ""),
        "python": platform.python_version(),
        "gpus": _known(_gpus, list[dict[str, Any]]()),
    }


def _gpus() -> list[dict[str, Any]]:
    return [card.describe() for card in nvml.cards()]


def _known(read: Callable[[], Value], otherwise: Value) -> Value:
    return best_effort(read, otherwise, lambda error: None)


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
