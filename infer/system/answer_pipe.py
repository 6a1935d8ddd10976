"""The pipes to and from a process that may be a stranger's: none may block the controller."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from typing import IO

# The most bytes of an answer, beside those for each value that was asked for.
LONGEST_ANSWER = 16 << 20
_PART = 1 << 16


class PipeEnded(Exception):  # noqa: N818 - what happened
    """The process has closed its end, or has ended."""


class UnaskedAnswer(Exception):  # noqa: N818 - what happened
    """The process wrote before it was asked."""


class EndlessAnswer(Exception):  # noqa: N818 - what happened
    """A line is longer than any answer."""


class AnswerPipe:
    """Sends lines to a process and receives lines from it, until a deadline.

    Args:
        stdin, stdout: its ends of the pipes.
        has_ended: whether the process has ended; a child of it may keep the pipe open.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], has_ended: Callable[[], bool]) -> None:
        self._stdin, self._stdout = stdin.fileno(), stdout.fileno()
        self._has_ended = has_ended
        self._received = bytearray()
        for end in (self._stdin, self._stdout):
            os.set_blocking(end, False)

    def send(
        self, line: bytes, deadline: float, look: Callable[[], None], interval_s: float
    ) -> None:
        """Send a line.

        Args:
            line: the line with its end.
            deadline: as `time.monotonic` has it.
            look: called while it waits, every `interval_s`; what it raises is passed on.
            interval_s: seconds.

        Raises:
            UnaskedAnswer: something was received that nobody asked for.
            PipeEnded: nobody reads it.
            TimeoutError: it is not read in time.
        """
        self._receive()
        if self._received:
            raise UnaskedAnswer
        left = memoryview(line)
        while left:
            try:
                left = left[os.write(self._stdin, left) :]
            except BlockingIOError:
                self._wait(self._stdin, selectors.EVENT_WRITE, deadline, interval_s)
                look()
            except BrokenPipeError:
                raise PipeEnded from None

    def receive(
        self, deadline: float, longest: int, look: Callable[[], None], interval_s: float
    ) -> bytes:
        """Receive a line; return it without its end.

        Args:
            deadline: as `time.monotonic` has it.
            longest: the most bytes of a line.
            look: as in `send`.
            interval_s: as in `send`.

        Raises:
            PipeEnded: there is none, and none will come.
            EndlessAnswer: it is longer.
            TimeoutError: it does not come in time.
        """
        searched = 0
        looked = time.monotonic()
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > longest:
                raise EndlessAnswer
            ended = self._has_ended()  # before the last that it wrote is read
            if self._receive():
                if time.monotonic() > deadline:
                    raise TimeoutError
            elif ended:
                raise PipeEnded
            else:
                self._wait(self._stdout, selectors.EVENT_READ, deadline, interval_s)
            if time.monotonic() - looked > interval_s:
                look()
                looked = time.monotonic()
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _receive(self) -> bool:
        """Receive what there is, up to a limit; return whether there was something.

        Raises:
            PipeEnded: the other end was closed.
        """
        try:
            part = os.read(self._stdout, _PART)
        except BlockingIOError:
            return False
        if not part:
            raise PipeEnded
        self._received += part
        return True

    def _wait(self, end: int, event: int, deadline: float, interval_s: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        with selectors.DefaultSelector() as selector:
            selector.register(end, event)
            selector.select(min(left, interval_s))
