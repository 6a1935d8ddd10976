"""The machine that measured: what it is, and how busy it was."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pynvml


def describe() -> dict[str, Any]:
    """Processor, cores, memory, load, system and GPUs of this machine."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": list(os.getloadavg()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "gpus": gpus(),
    }


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> list[dict[str, str]]:
    """Name, driver and memory of every NVIDIA GPU; empty where there is no driver."""
    with _nvml() as found:
        return [
            {
                "name": pynvml.nvmlDeviceGetName(handle),
                "driver": pynvml.nvmlSystemGetDriverVersion(),
                "memory": f"{pynvml.nvmlDeviceGetMemoryInfo(handle).total / 2**20:.0f} MiB",
            }
            for handle in found
        ]


def gpu_memory(pid: int) -> int | None:
    """Bytes that a process holds on all GPUs; None where there is none, or it is not told."""
    with _nvml() as found:
        held = [
            process.usedGpuMemory
            for handle in found
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if process.pid == pid and process.usedGpuMemory is not None
        ]
    return sum(held) if held else None


@contextmanager
def _nvml() -> Iterator[list[Any]]:
    """Handles of the GPUs, as long as the context lasts."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield []
        return
    try:
        count = pynvml.nvmlDeviceGetCount()
        yield [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    finally:
        pynvml.nvmlShutdown()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
