"""A worker and all that it has started: stopped, continued, ended and counted as one.

The sandbox keeps all of it in one process group (sandbox/seccomp.py), and the kernel sends a signal
to a group and to what its members are just starting.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from ..sandbox import watchdog

# How long a group may take to stop, and to be gone once it was ended.
_STOP_S, _END_S = 0.5, 5.0
_PAUSE_S = 0.0005
_STOPPED = "TtZX"


class ProcessGroup:
    """The process group of a worker that leads it.

    Args:
        process: the worker.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._cpu_s: dict[int, float] = {}  # by member, at the last stop
        watchdog.watch(process.pid)

    @property
    def pid(self) -> int:
        """The worker's process ID, which is that of the group."""
        return self._process.pid

    def members(self) -> list[int]:
        """The process IDs of all that are in the group; of the worker alone, where /proc lacks."""
        try:
            with os.scandir("/proc") as entries:
                numbers = [int(entry.name) for entry in entries if entry.name.isdigit()]
        except OSError:
            return [self._process.pid]
        return [number for number in numbers if _group(number) == self._process.pid]

    def stop(self) -> None:
        """Stop all members; return once they are, or some time later if one cannot."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        deadline = time.monotonic() + _STOP_S
        while any(_state(member) not in _STOPPED for member in self.members()):
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE_S)
        self._cpu_s = {member: _cpu_s(member) for member in self.members()}

    def resume(self) -> float:
        """Let all members run.

        Returns:
            Seconds of processor time that they have taken since they were stopped.
        """
        taken = sum(_cpu_s(member) - self._cpu_s.get(member, 0.0) for member in self.members())
        os.killpg(self._process.pid, signal.SIGCONT)
        return max(taken, 0.0)

    def has_ended(self, within_s: float) -> bool:
        """Whether the worker ends within some seconds; it stays a zombie, and so keeps its ID."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                    return True
            except ChildProcessError:  # it was waited for, or is no child of ours
                if self._process.poll() is not None:
                    return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)

    def end(self) -> int:
        """End all members, and wait until they are gone.

        Returns:
            The exit status of the worker, as `subprocess` has it.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        deadline = time.monotonic() + _END_S
        while self._is_left() and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        watchdog.forget(self._process.pid)
        return status

    def _is_left(self) -> bool:
        """Whether a member runs: it takes time to give memory back. Zombies are init's."""
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return any(_state(member) not in "ZX" for member in self.members())


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _state(pid: int) -> str:
    """The letter of its state in /proc, X if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - it is read often
            return chr(file.read().rpartition(b") ")[2][0])
    except (OSError, IndexError):
        return "X"


def _cpu_s(pid: int) -> float:
    """The processor time of a process in seconds; 0 where it has ended or cannot be told."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)
    except OSError:
        return 0.0
