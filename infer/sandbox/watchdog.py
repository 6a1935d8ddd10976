"""The controller's side of the watchdog, which ends workers' process groups after it.

One process for all workers of a controller, started with the first. It costs a worker a line in a
pipe.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from pathlib import Path

_SCRIPT = Path(__file__).with_name("watchdog_process.py")


class _Watchdog:
    """The watchdog of this process; it is started again if it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0  # a process that was forked from the owner has none
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    def watch(self, group: int) -> None:
        """Have a process group ended if this process ends before `forget`."""
        with self._lock:
            if self._owner != os.getpid():
                self._owner, self._process, self._groups = os.getpid(), None, set()
            self._groups.add(group)
            if not self._told(f"+{group}"):
                self._start()

    def forget(self, group: int) -> None:
        """A process group has ended; its number may be that of others from now on."""
        with self._lock:
            if group in self._groups and self._owner == os.getpid():
                self._groups.discard(group)
                self._told(f"-{group}")

    def close(self) -> None:
        """End the watchdog, and with it the groups that are left."""
        with self._lock:
            if self._process and self._owner == os.getpid():
                assert self._process.stdin
                self._process.stdin.close()
                self._process.wait()
            self._process = None

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SCRIPT), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        for group in self._groups:
            self._told(f"+{group}")

    def _told(self, line: str) -> bool:
        if self._process is None or self._process.poll() is not None:
            return False
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except BrokenPipeError:
            return False
        return True


_watchdog = _Watchdog()
watch, forget = _watchdog.watch, _watchdog.forget
atexit.register(_watchdog.close)
