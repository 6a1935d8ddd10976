"""Describe this machine, and how busy it is."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import psutil

from . import nvml


def describe() -> dict[str, Any]:
    """Describe processor, cores, memory, load, system and GPUs of this machine."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": list(os.getloadavg()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "gpus": [card.describe() for card in nvml.cards()],
    }


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
