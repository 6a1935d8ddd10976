"""Failures of a worker that show on its process: it crashed, or holds too much memory."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from ..outcome import Failure, Outcome
from ..runtimes.memory_errors import last_words
from .memory_use import MemoryUse
from .refused_reading import advice

# Runtimes start a few, as for compilers.
MOST_PROCESSES = 256
# Of the end of a log, what is searched for the cause of a crash.
_LOG_BYTES = 2000
# The most that a worker may print, and what is written to see whether a disk takes anything: bytes.
_LONGEST_LOG = 64 << 20
_TRIED = 64 << 10
_ENDED_BY_KERNEL = "; Linux does that when memory runs out"


def check_use(memory: MemoryUse, limit: int | None, action: str) -> None:
    """Check that a worker and what it has started hold no more than they may.

    Args:
        memory: what they hold.
        limit: bytes that they may hold; None for any number.
        action: what the worker was asked to do.

    Raises:
        Failure: they hold more, or there are too many.
    """
    held = memory.held_bytes(sys.maxsize if limit is None else limit)
    if memory.processes > MOST_PROCESSES:
        raise Failure(
            Outcome.CRASH,
            f"ran {memory.processes:,} processes, asked to '{action}', more than {MOST_PROCESSES}",
            cause="processes",
        )
    if limit is not None and held > limit:
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


def check_log(log: Path, start: int, action: str) -> None:
    """Check that a worker does not print without end, and cut off what is too much.

    Args:
        log: the file that it prints to.
        start: bytes that the file had before.
        action: what it was asked to do.

    Raises:
        Failure: it printed too much.
    """
    try:
        size = log.stat().st_size
        if size - start <= _LONGEST_LOG:
            return
        os.truncate(log, start + _LONGEST_LOG)
    except OSError:
        return
    raise Failure(
        Outcome.CRASH,
        f"printed more than {_LONGEST_LOG >> 20} MiB, asked to '{action}'",
        cause="log",
    )


def check_disk(
    folders: Iterable[Path], worker_folder: Path, most_bytes: int, *, only_full: bool = False
) -> None:
    """Find out whether files cannot be written, and whether a worker that has ended is the cause.

    Args:
        folders: the folders that it and the controller write in.
        worker_folder: the worker's own folder.
        most_bytes: the most bytes that it may have there.
        only_full: whether to look only for a disk without any room, and not to try.

    Raises:
        OSError: nothing can be written there.
        Failure: nothing can be written, since the worker has filled the disk.
    """
    for folder in folders:
        try:
            if shutil.disk_usage(folder).free == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if not only_full:
                _try_to_write(folder)
        except OSError as error:
            held = held_bytes(worker_folder)
            if held > most_bytes:
                raise Failure(
                    Outcome.CRASH,
                    f"filled the disk: it wrote {held / 2**20:,.0f} MiB into its own folder",
                    cause="disk",
                ) from None
            what = error.strerror if only_full else f"outputs cannot be written ({error.strerror})"
            raise OSError(error.errno, what, str(folder)) from None


def _try_to_write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        left = memoryview(bytes(_TRIED))
        while left:
            left = left[file.write(left) :]


def held_bytes(folder: Path, limit_s: float = 1.0) -> int:
    """The bytes on the disk of the files in a folder, as far as they can be counted in time."""
    deadline = time.monotonic() + limit_s
    held, waiting = 0, [str(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if time.monotonic() > deadline:
                    return held
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    held += 512 * entry.stat(follow_symlinks=False).st_blocks
    return held
