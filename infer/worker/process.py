"""The worker's own process: its cores, its end, its memory."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def use_cores(count: int) -> None:
    """Bind to so many cores, since XLA takes as many threads as it sees cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def die_with_parent() -> None:
    """Have Linux end this process when the controller ends, however that happens."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)


def resident_bytes() -> int | None:
    """Resident memory of this process; None where the system does not tell."""
    return _status_bytes("VmRSS")


def peak_resident_bytes() -> int | None:
    """Resident memory of this process at its highest.

    Not by `getrusage`, whose peak counts what the controller held when it started this process.
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
