"""Functions on the worker's own process: cores, memory."""

from __future__ import annotations

import os
from pathlib import Path


def use_cores(count: int) -> None:
    """Bind this process to `count` cores, since XLA starts a thread for each visible core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def peak_resident_bytes() -> int | None:
    """Peak resident memory of this process; None if the system does not report it.

    Not from `getrusage`, whose peak includes what the controller held when it started this process.
    """
    return _status().get("VmHWM")


class PeakMemory:
    """The peak of the anonymous and shared memory of this process, without the files that it maps.

    The kernel keeps the peak of all that is resident. Where that has grown since the last look, the
    files that are resident now are taken off it: they hardly change within a step, since pages of
    inputs are given back (inputs/npy.py). So a peak within a call is seen, without a look at it.

    Attributes:
        bytes: the peak so far; None if the system does not report it.
    """

    def __init__(self) -> None:
        self.bytes: int | None = None
        self._resident = 0
        self.look()

    def look(self, besides: int = 0) -> int | None:
        """Take what was held until now into account; return the peak.

        Args:
            besides: bytes of what is held now that are not to count.
        """
        status = _status()
        if "RssAnon" in status:  # since Linux 4.5
            held = status["RssAnon"] + status["RssShmem"]
            if status["VmHWM"] > self._resident:
                self._resident = status["VmHWM"]
                held = max(held, self._resident - status["RssFile"])
            self.bytes = max(held - besides, self.bytes or 0)
        return self.bytes


def _status() -> dict[str, int]:
    """What /proc tells of this process in bytes; empty if there is none."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in status.splitlines())
    return {name: int(value.split()[0]) << 10 for name, _, value in pairs if value.endswith(" kB")}
