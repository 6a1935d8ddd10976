"""The process that reads files of strangers, with limits; the controller's side.

A damaged or hostile file may make a reader use unlimited memory or time; then only that process
ends, and the user gets an error of one line. One process serves a whole run. It is started when it
is first needed, and again after it had to be ended.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import ArtifactError, InputError
from ..plugins import format_declarations
from ..system.passed_variables import passed_variables
from .launcher import command_of
from .reader_limits import TIME_S
from .starting import start_process

_LONGEST_ANSWER = 256 << 20  # bytes
# What a file can be at fault for, by the names that the process gives them.
_ERRORS = {
    name: error
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, ArtifactError | InputError)
}


class ReadLimitError(ArtifactError):
    """The process that read a file exceeded a limit, and was ended."""


class ReaderProcess:
    """A process that reads files of strangers, as a context manager, which ends it.

    It may write nowhere, and has no network (sandbox/isolation.py).
    """

    def __init__(self, reads: Iterable[Path] = (Path("/"),)) -> None:
        """Start it.

        Args:
            reads: files and folders that it may read; which artifacts it will be asked about is not
                known before.
        """
        self._buffer = b""
        # The formats of plug-ins are told by data; the process looks for no plug-ins itself.
        self.formats = json.dumps(format_declarations())
        self._process = start_process(
            command_of(sys.executable, "sandbox.reader_server", self.formats, reads=reads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what the code of plug-ins prints
            env=passed_variables(),
            start_new_session=True,  # Ctrl-C is for the controller
        )
        assert self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, action: str, subject: str, timeout_s: float, **arguments: Any) -> Any:
        """Have a file read; a process that exceeds a limit is of no further use.

        Args:
            action: name of a function of reader_server.py.
            subject: the file, which messages begin with.
            timeout_s: seconds after which the process is ended. It asks for more to hash files
                that have so many bytes.
            arguments: what the function takes, as JSON has it.

        Raises:
            ArtifactError, DamagedError, InputError: what the function raised.
            ReadLimitError: a limit was exceeded.
        """
        request = {"action": action, "folder": _working_directory(), "limit_s": timeout_s}
        try:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(request | {"arguments": arguments}).encode())
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended(subject) from None
        deadline = time.monotonic() + timeout_s
        while True:
            line = self._read_line(subject, deadline, timeout_s)
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError):
                raise self._ended(subject) from None
            if "more_s" not in answer:
                break
            deadline += float(answer["more_s"])
        if "error" in answer:
            raise _ERRORS[answer["error"]](answer["message"])
        return answer["value"]

    def _read_line(self, subject: str, deadline: float, timeout_s: float) -> bytes:
        assert self._process.stdout
        while b"\n" not in self._buffer:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                self.end()
                raise ReadLimitError(
                    f"{subject}: not read within {timeout_s:g} s; it seems damaged"
                )
            data = os.read(self._process.stdout.fileno(), 1 << 20)
            if not data or len(self._buffer) > _LONGEST_ANSWER:
                raise self._ended(subject)
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def serves(self, formats: list[list[Any]]) -> bool:
        """Whether it is alive, and knows these formats of plug-ins."""
        return self._process.poll() is None and self.formats == json.dumps(formats)

    def _ended(self, subject: str) -> ReadLimitError:
        self.end()
        status = self._process.returncode
        return ReadLimitError(
            f"{subject}: could not be read (its reader ended with status {status})"
        )

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):  # what was not sent yet
                    stream.close()


class _SharedReader:
    """The process of this run, which is started and replaced as needed."""

    def __init__(self) -> None:
        self._process: ReaderProcess | None = None
        self._started_by = 0
        self._lock = threading.Lock()

    def ask(self, action: str, subject: str, timeout_s: float, **arguments: Any) -> Any:
        with self._lock:
            process = self._current()
            try:
                return process.ask(action, subject, timeout_s, **arguments)
            except BaseException as error:
                # After Ctrl-C too, since the answer would be taken for that to the next question.
                if isinstance(error, ReadLimitError) or not isinstance(
                    error, tuple(_ERRORS.values())
                ):
                    self._end()
                raise

    def _current(self) -> ReaderProcess:
        if self._process and self._started_by == os.getpid():
            if self._process.serves(format_declarations()):
                return self._process
            self._end()
        self._process, self._started_by = ReaderProcess(), os.getpid()
        return self._process

    def _end(self) -> None:
        if self._process and self._started_by == os.getpid():  # a fork leaves it to its parent
            self._process.end()
        self._process = None

    def end(self) -> None:
        with self._lock:
            self._end()


_shared = _SharedReader()
atexit.register(_shared.end)


def ask(action: str, subject: str, timeout_s: float = TIME_S, **arguments: Any) -> Any:
    """Have a file read by the process of this run, as `ReaderProcess.ask` does."""
    return _shared.ask(action, subject, timeout_s, **arguments)


def _working_directory() -> str | None:
    """What relative paths start from; None if it was removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return None
