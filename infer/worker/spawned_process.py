"""A worker's process: start it, exchange lines with it, stop, resume and end it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..outcome import Failure, Outcome
from ..sandbox.starting import start_process
from ..system.answer_pipe import AnswerPipe, EndlessAnswer, PipeEnded, UnaskedAnswer
from .memory_use import MemoryUse
from .pass_progress import WatchedPass
from .process_failures import check_log, check_use, crash
from .process_group import ProcessGroup

# Interval between checks of what the process holds and of its log.
_LOOK_S = 0.1
# Seconds that it may take to end after it has closed its pipes; a dump of its memory is long.
_END_S = 10.0
# Processor time that it may have taken while it was stopped: a system call goes on to its end.
_WHILE_STOPPED_S = 0.05


class SpawnedProcess:
    """A worker's process, with its group, its pipes and its log.

    Attributes:
        began: when it was started, by `time.perf_counter`, in seconds.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._log = log
        self.began = time.perf_counter()
        with log.open("ab") as errors:
            self._log_start = errors.tell()
            self._process = start_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        assert self._process.stdin and self._process.stdout
        self._group = ProcessGroup(self._process)
        self._memory = MemoryUse(self._group)
        self._pipe = AnswerPipe(
            self._process.stdin, self._process.stdout, lambda: self._group.has_ended(0)
        )

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def exchange(
        self,
        action: str,
        line: bytes,
        longest: int,
        *,
        timeout_s: float,
        memory_limit: int | None,
        watched: WatchedPass | None = None,
        tell: Callable[[int], None] = lambda samples: None,
    ) -> bytes:
        """Send a line, and receive one.

        Args:
            action: what is asked for, for messages.
            line: the line to send.
            longest: the most bytes of an answer.
            timeout_s: seconds allowed for sending and receiving.
            memory_limit: bytes that the group may hold; None for no limit.
            watched: a pass over samples, for which the time begins anew whenever some are done.
            tell: called with the number of samples that are done.

        Raises:
            Failure: it crashed, did not answer in time, answered what cannot be an answer, or
                holds or prints too much. It may still run.
        """
        deadline = time.monotonic() + timeout_s

        def look() -> None:
            self._look(memory_limit, action)
            if watched and watched.look():
                tell(watched.samples)

        try:
            self._pipe.send(line, deadline, look, _LOOK_S)
            while True:
                try:
                    answer = self._pipe.receive(deadline, longest, look, _LOOK_S)
                    break
                except TimeoutError:
                    if not watched or not watched.has_gone_on():
                        raise
                    deadline = time.monotonic() + timeout_s
        except PipeEnded:
            raise self._crashed(action) from None
        except UnaskedAnswer:
            raise Failure(
                Outcome.CRASH, f"it answered before it was asked to '{action}'", cause="answer"
            ) from None
        except EndlessAnswer:
            raise Failure(
                Outcome.CRASH, f"its answer to '{action}' has no end", cause="answer"
            ) from None
        except TimeoutError:
            raise Failure(
                Outcome.HANG,
                f"no answer to '{action}' within {timeout_s:g} s (see --timeout)",
                cause=action,
            ) from None
        look()  # a fast answer leaves no time for a check while waiting
        return answer

    def _look(self, memory_limit: int | None, action: str) -> None:
        """Check what the process holds and prints."""
        check_use(self._memory, memory_limit, action)
        check_log(self._log, self._log_start, action)

    def _crashed(self, action: str) -> Failure:
        if not self._group.has_ended(_END_S):
            return Failure(
                Outcome.CRASH, f"it closed its answers, asked to '{action}'", cause="answer"
            )
        return crash(self._group.end(), action, self._log)

    def stop(self) -> None:
        """Stop the process with all that it has started, until `resume`."""
        self._group.stop()

    def resume(self) -> None:
        """Let it run again.

        Raises:
            Failure: it has run while it was stopped. It has been ended.
        """
        if (seconds := self._group.resume()) > _WHILE_STOPPED_S:
            self.end()
            raise Failure(
                Outcome.CRASH, f"ran for {seconds:.2g} s while it was stopped", cause="not stopped"
            )

    def end(self) -> None:
        """End the process with all that it has started, and wait until they are gone."""
        self._group.end()

    def close(self) -> None:
        """Close the pipes of a process that has been ended."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
