"""Failures of a worker that show on its process: it crashed, or holds too much memory."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import psutil

from ..outcome import Failure, Outcome
from ..runtimes.memory_errors import last_words
from .refused_reading import advice

# Of the end of a log, what is searched for the cause of a crash.
_LOG_BYTES = 2000
_ENDED_BY_KERNEL = "; Linux does that when memory runs out"


def check_memory(pid: int, limit: int, action: str) -> None:
    """Check that a worker holds no more memory than it may.

    Checked from outside: a limit on its address space would end runtimes that reserve much of it
    and use little.

    Args:
        pid: its process ID.
        limit: bytes that it may hold.
        action: what it was asked to do.

    Raises:
        Failure: it holds more.
    """
    try:
        held = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return  # it has ended, which the caller will notice by the missing answer
    if held > limit:
        raise Failure(
            Outcome.OUT_OF_MEMORY,
            f"held {held / 2**20:,.0f} MiB, asked to '{action}', more than "
            f"{limit / 2**20:,.0f} MiB (see --memory-limit)",
            cause=action,
        )


def crash(status: int, action: str, log: Path) -> Failure:
    """The failure of a worker that ended without an answer.

    Args:
        status: of its process; below zero for a signal.
        action: what it was asked to do.
        log: what it printed.
    """
    ended = f"status {status}"
    if status < 0:
        names = {int(known): known.name for known in signal.Signals}
        if -status == signal.SIGABRT and (line := _out_of_memory_line(log)):
            return Failure(Outcome.OUT_OF_MEMORY, f"asked to '{action}': {line}", cause=action)
        ended = names.get(-status, f"signal {-status}")
        how = f"killed by {ended}"
        how += _ENDED_BY_KERNEL if -status == signal.SIGKILL else ""
    else:
        how = f"exited with status {status}"
    return Failure(
        Outcome.CRASH,
        f"the process {how}, asked to '{action}' (log: {log}){advice(_end_of(log))}",
        cause=f"{action}: {ended}",
    )


def _end_of(log: Path) -> str:
    """The last part of a log; empty if it cannot be read."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
        return file.read().decode("utf-8", "replace")
    return ""


def _out_of_memory_line(log: Path) -> str | None:
    """Find the line of the log that reports a lack of memory, if the process aborted for that.

    C++ aborts a process with an uncaught exception, frameworks one whose checks fail.
    """
    with contextlib.suppress(OSError):
        return last_words(log)
    return None
