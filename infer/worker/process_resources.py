"""Functions on the worker's own process: cores, memory."""

from __future__ import annotations

import os
from pathlib import Path


def use_cores(count: int) -> None:
    """Bind this process to `count` cores, since XLA starts a thread for each visible core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def resident_bytes() -> int | None:
    """Resident memory of this process; None if the system does not report it."""
    return _status_bytes("VmRSS")


def peak_resident_bytes() -> int | None:
    """Peak resident memory of this process; None if the system does not report it.

    Not from `getrusage`, whose peak includes what the controller held when it started this process.
    """
    return _status_bytes("VmHWM")


def _status_bytes(entry: str) -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == entry:
            return int(value.split()[0]) * 1024
    return None
