"""Functions on the worker's own process: cores, end with the controller, memory."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def use_cores(count: int) -> None:
    """Bind this process to `count` cores, since XLA starts a thread for each visible core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def die_with_parent() -> None:
    """Let Linux end this process when the controller ends for any reason."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the controller ended before the call
            os._exit(1)


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
