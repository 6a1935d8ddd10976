"""Limits of processes that read files, count operations or score outputs; not of workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ..system.process_answer import ProcessAnswer, answer_of
from .launcher import command_of

TIME_S = 60.0
MEMORY_BYTES = 4 << 30


def limit_memory(memory: int = MEMORY_BYTES) -> None:
    """Limit the memory of this process to `memory` bytes, if the system supports it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    # macOS refuses it; on Linux a lower limit of the user's stays.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def run_limited(
    module: str, *arguments: str, reads: Iterable[Path], timeout_s: float
) -> ProcessAnswer:
    """Run the `main` of a module below this package in a process that opens files of strangers.

    Args:
        module: the module, as "sandbox.reader_process"; its `main` is a `limited_process`.
        arguments: its arguments.
        reads: files and folders that it may read.
        timeout_s: seconds after which the process is ended.

    Raises:
        AnswerTimeoutError, AnswerTooLongError: it was ended.
    """
    command = command_of(sys.executable, module, *arguments, reads=reads)
    return answer_of(command, timeout_s)


def with_folder(file: Path) -> list[Path]:
    """A payload with what may belong to it: its folder, and the files that links there lead to."""
    folder = file if file.is_dir() else file.parent
    try:
        entries = [*(folder.rglob("*") if file.is_dir() else folder.iterdir())]
    except OSError:  # whoever reads the file will say what is wrong
        return [file]
    return [file, folder, *(path for path in entries if path.is_symlink() and path.is_file())]


@contextmanager
def limited_process() -> Iterator[TextIO]:
    """Limit the memory of this process, and yield what its answer is written to.

    What libraries and the code of plug-ins print is no answer: it goes to standard error.
    """
    limit_memory()
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with result:
        yield result
