"""End this process when the process that started it ends."""

from __future__ import annotations

import os
import signal
import sys

from .system_calls import libc

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let Linux end this process when the one that started it ends for any reason."""
    if sys.platform == "linux":
        parent = os.getppid()
        libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)
