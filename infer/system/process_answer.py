"""Run a process of ours that opens what a stranger made, and take no more than an answer from it.

What reads a damaged or hostile file may be taken over by it. So the answer has a limit of bytes and
of time, must be of a type, and the process ends with all that it started.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from ..codec import decode
from .passed_variables import passed_variables

LONGEST_ANSWER = 16 << 20  # bytes
_KEPT = 8192  # bytes of what it printed
_PART = 1 << 16
_LOOK_S = 0.2


class AnswerTooLongError(Exception):
    """A process answers without end."""


class AnswerTimeoutError(TimeoutError):
    """A process did not end in time.

    Attributes:
        output: what it had written to standard output.
    """

    def __init__(self, output: bytes) -> None:
        super().__init__("it did not end in time")
        self.output = output


@dataclass(frozen=True)
class ProcessAnswer:
    """What a process that has ended left.

    Attributes:
        output: what it wrote to standard output.
        status: its exit status; below zero for a signal.
        printed: the end of what it wrote to standard error.
    """

    output: bytes
    status: int
    printed: bytes

    def decoded(self, kind: Any, where: str) -> Any:
        """The output as a value of a type.

        Args:
            kind: a type, as `codec.decode` takes it.
            where: what messages begin with.

        Raises:
            DecodeError: it is no JSON, or not of the type.
        """
        return decode(kind, self.output, where)


def answer_of(
    command: Sequence[str],
    timeout_s: float,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    longest: int = LONGEST_ANSWER,
) -> ProcessAnswer:
    """Run a process to its end.

    Args:
        command: program and arguments.
        timeout_s: seconds that it may take.
        environment: its environment variables; None for those that hold no secret.
        folder: where it runs; None for here.
        longest: the most bytes that it may answer.

    Raises:
        AnswerTimeoutError: it did not end in time; what it started has been ended too.
        AnswerTooLongError: it answered more.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(passed_variables() if environment is None else environment),
        cwd=folder,
        start_new_session=True,
        bufsize=0,
    )
    try:
        return _read(process, time.monotonic() + timeout_s, longest)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            cast(IO[bytes], stream).close()


def _read(process: subprocess.Popen[bytes], deadline: float, longest: int) -> ProcessAnswer:
    assert process.stdout and process.stderr
    output, printed = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, kept in ((process.stdout, output), (process.stderr, printed)):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream.fileno(), selectors.EVENT_READ, kept)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise AnswerTimeoutError(bytes(output))
            ended = process.poll() is not None  # before the last that it wrote is read
            ready = selector.select(0 if ended else min(left, _LOOK_S))
            if ended and not ready:
                break  # a process that it started keeps the pipe open
            for key, _ in ready:
                part = os.read(key.fd, _PART)
                key.data.extend(part)
                if not part:
                    selector.unregister(key.fd)
            del printed[:-_KEPT]
            if len(output) > longest:
                raise AnswerTooLongError
    try:
        process.wait(max(deadline - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        raise AnswerTimeoutError(bytes(output)) from None
    return ProcessAnswer(bytes(output), process.returncode, bytes(printed))
