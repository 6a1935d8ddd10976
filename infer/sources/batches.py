"""Read batches of a source in a process with limits; the controller's side."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..codec import encode
from ..errors import InputError
from ..free_memory import available_bytes
from ..sandbox.launcher import command_of
from ..sandbox.reader_limits import MEMORY_BYTES
from ..sandbox.starting import start_process
from ..system.passed_variables import passed_variables
from .frames import FrameReader
from .reading_process import Request
from .source import Source

# Seconds for a batch of a user's function, and until its first, with the imports of frameworks.
_FUNCTION_S = 300.0
_FILES_S = 60.0


@dataclass(frozen=True)
class Batch:
    """Some samples.

    Attributes:
        arrays: arrays by name; text as its bytes and lengths (tensors/text.py).
        total: samples that there will be in all; None if that is not known.
    """

    arrays: dict[str, np.ndarray]
    total: int | None


def read_batches(source: Source) -> Iterator[Batch]:
    """Read a source, some samples at a time.

    Raises:
        InputError: what is wrong with it, and in which file; or a limit was exceeded.
    """
    is_function = source.kind == "function"
    request = Request(
        kind=source.kind,
        paths=tuple(str(path.absolute() if is_function else path) for path in source.paths),
        described=source.described,
        advice=source.advice,
        beside=str(source.beside),
        function=source.function,
        # Frameworks that a function imports reserve far more than they use.
        memory=max(MEMORY_BYTES, available_bytes()) if is_function else MEMORY_BYTES,
    )
    process = start_process(
        command_of(
            sys.executable, "sources.reading_process", encode(request).decode(), reads=source.reads
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=passed_variables() | ({} if is_function else {"OMP_NUM_THREADS": "1"}),
        start_new_session=True,  # Ctrl-C is for the controller
        bufsize=0,
    )
    assert process.stdout
    reader = FrameReader(
        process.stdout, str(source.named), _FUNCTION_S if is_function else _FILES_S
    )
    total = None
    try:
        for number, (header, arrays) in enumerate(reader.frames()):
            if header.error is not None:
                raise InputError(header.error)
            if number == 0:
                total = header.total
            if arrays:
                yield Batch(arrays, total)
    except EOFError:
        status = process.wait()
        cause = "; it may have taken too much memory" if status < 0 else " before its last batch"
        raise InputError(
            f"{source.named}: the process that reads it ended with status {status}{cause}"
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
