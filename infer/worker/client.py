"""The controller's client of a worker: start it, send requests, time out, end it."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from ..artifacts.artifact import Artifact
from ..artifacts.manifest import Manifest
from ..errors import ArtifactError
from ..inputs.worker_inputs import WorkerInputs
from ..outcome import Failure, Outcome
from ..runtimes.memory_errors import says_out_of_memory
from ..runtimes.registry import RUNTIMES, runtimes_for
from ..sandbox import cuda_diagnosis, cuda_driver_start
from ..sandbox.isolation import HOME
from ..sandbox.launcher import command_of
from ..system.interpreters import python_of
from ..system.recorded_variables import recorded_variables
from ..variant import TUNED, Variant
from .environment_variables import environment_of
from .message_codec import MessageError, StorageError, decode_response, encode_request
from .messages import HasCuda, Load, Request, Response, Start, Uncompiled
from .process_failures import check_memory, crash

# Interval between checks of the worker's memory, if there is a limit; a check takes 30 µs.
_LOOK_S = 0.1
_LONGEST_ANSWER = 256 << 20  # bytes
# Interpreters and runtimes whose modules were checked for cached bytecode.
_compiled: set[tuple[str, str]] = set()


class WorkerProcess:
    """A worker, as a context manager, which ends the worker's process group on exit.

    It may write only below `scratch`, and read only there, its artifact, its inputs and what its
    runtime needs, if the system can enforce that (sandbox/isolation.py). On cuda it sees only the
    card that `card` names, as CUDA_VISIBLE_DEVICES takes it; None leaves the variable unchanged.

    Attributes:
        timeout_s: seconds allowed for each answer; may be changed between requests.
        memory_limit: bytes that it may hold; None for no limit. May be changed between requests.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        device: str,
        threads: int,
        scratch: Path,
        log: Path,
        timeout_s: float,
        memory_limit: int | None = None,
        tf32: bool = False,
        variant: Variant = TUNED,
        card: str | None = None,
        inputs: WorkerInputs | None = None,
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._scratch = scratch
        self._folders = (scratch, log.parent)
        self.timeout_s = timeout_s
        self.memory_limit = memory_limit
        self._buffer = b""
        runtime = variant.runtime or runtimes_for(artifact.format)[0]
        # Where none has the runtime, this one says what is missing.
        self._python = variant.python or python_of(runtime, device) or sys.executable
        self._runtime = RUNTIMES[runtime]
        # Said by arguments, since the worker must know it before it reads any setting.
        self._command = command_of(
            self._python,
            cuda=device == "cuda",
            reads=[
                *_files_of(artifact),
                *([Path(self._runtime.external.folder)] if self._runtime.external else []),
                *(inputs.readable if inputs else ()),
            ],
            withheld=inputs.withheld if inputs else (),
        )
        self._environment = environment_of(device, threads, variant, card, tf32=tf32)
        self._cuda: dict[str, Any] | None = None
        if device == "cuda":  # before the worker loses its rights to devices that do not exist yet
            with log.open("ab") as errors:
                self._cuda = cuda_driver_start.started(
                    self._python, self._environment, timeout_s, errors
                )
        self._spawn()
        self._start = Start(
            format=artifact.format,
            payload=str(artifact.payload.resolve()),
            device=device,
            threads=threads,
            tf32=tf32,
            manifest=worker_manifest(artifact.manifest) if artifact.manifest else {},
            runtime=variant.runtime,
            untuned=variant.untuned,
            settings=dict(variant.settings),
            signature=variant.signature,
            external=self._runtime.to_dict() if self._runtime.external else None,
            interpreter=variant.interpreter,
        )

    def _spawn(self) -> None:
        self.started = time.perf_counter()
        with self._log.open("ab") as errors:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._scratch,
                env=self._environment,
                start_new_session=True,
            )
        assert self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._close()
        shutil.rmtree(self._scratch / HOME, ignore_errors=True)

    def _close(self) -> None:
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    @property
    def pid(self) -> int:
        """The worker's process ID."""
        return self._process.pid

    def start(self) -> dict[str, Any]:
        """Import the runtime; the response has the seconds since the process was started."""
        response = self.ask(self._start)
        ready_s = time.perf_counter() - self.started
        if self._have_compiled():
            response = self.ask(self._start)
            ready_s = time.perf_counter() - self.started
        cuda = {"cuda": self._cuda} if self._cuda else {}
        seen_here = {
            "spawn_to_ready_s": ready_s,
            "variables": recorded_variables(self._environment),
        }
        return {**response, **cuda, **seen_here}

    def _have_compiled(self) -> bool:
        """Once, let Python cache the compiled modules; return whether the worker was restarted."""
        runtime = self._runtime
        known = self._python, str(runtime.external.file if runtime.external else runtime.module)
        if known in _compiled:
            return False
        _compiled.add(known)
        files = self.ask(Uncompiled())["modules"]
        if not files:
            return False
        self._end()
        self._close()
        modules = [] if runtime.external else [runtime.module]
        with contextlib.suppress(subprocess.SubprocessError), self._log.open("ab") as errors:
            subprocess.run(
                command_of(self._python, "worker.bytecode", *modules),
                input="" if modules else "\n".join(map(str, files)),
                text=True,
                stdout=errors,
                stderr=errors,
                env=self._environment,
                timeout=self.timeout_s,
            )
        self._spawn()
        return True

    def stop(self) -> None:
        """Stop the worker with all its threads, until `go`."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go(self) -> None:
        """Let a stopped worker run."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def ask(self, request: Request[Response]) -> Response:
        """Send a request and block until its response arrives.

        Raises:
            Failure: the worker failed, crashed, did not answer in time or holds too much memory. It
                has been ended, so it does not disturb later measurements.
            OSError: it could not write its outputs, or failed while the disk was full: runtimes
                write logs and files, so the artifact is not to blame.
        """
        try:
            return self._ask(request)
        except Failure as failed:
            self._end()
            for folder in self._folders:
                if shutil.disk_usage(folder).free == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from None
            if isinstance(request, Start | Load) and (why := self._why_no_cuda()):
                reason = f"{why}; the runtime said: {failed.reason}"
                outcome = failed.outcome
                # JAX only reports that it finds no device.
                if outcome == Outcome.UNSUPPORTED and says_out_of_memory(why):
                    outcome = Outcome.OUT_OF_MEMORY
                raise Failure(outcome, reason, cause="no CUDA") from None
            raise

    def has_cuda(self) -> str | None:
        """Ask why the runtime cannot run on the card, and what to do; None if it can.

        Raises:
            Failure: as `ask`.
        """
        problem: str | None = self.ask(HasCuda())["problem"]
        return (problem and self._why_no_cuda()) or problem

    def _why_no_cuda(self) -> str | None:
        """Find, after a failure, why CUDA cannot use the card; None if it can."""
        if self._cuda is None:
            return None
        why = cuda_driver_start.failure(self._cuda)
        if why is None and self._cuda["cuinit"] == 0:
            why = cuda_diagnosis.failure(self._python, self._environment, self.timeout_s)
        return why

    def _ask(self, request: Request[Response]) -> Response:
        assert self._process.stdin
        action = request.action
        try:
            self._process.stdin.write(encode_request(request))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._crashed(action) from None
        line = self._read_line(action)
        self._check_memory(action)  # a fast answer leaves no time for a check while waiting
        try:
            return decode_response(request, line)
        except StorageError as error:
            raise OSError(str(error)) from None
        except Failure as failed:
            log = f" (log: {self._log})" if failed.is_shortened else ""
            raise Failure(
                failed.outcome,
                failed.reason + log,
                index_limit=failed.index_limit,
                cause=f"{action}: {failed.cause}" if failed.cause else action,
            ) from None
        except MessageError as error:
            # The artifact's own program may have written to the pipe.
            raise Failure(
                Outcome.CRASH, f"its answer to '{action}' is not valid ({error})", cause="answer"
            ) from None

    def _read_line(self, action: str) -> bytes:
        deadline = time.monotonic() + self.timeout_s
        while b"\n" not in self._buffer:
            left = max(0.0, deadline - time.monotonic())
            if not self._selector.select(min(left, _LOOK_S) if self.memory_limit else left):
                self._check_memory(action)
                if time.monotonic() < deadline:
                    continue
                raise Failure(
                    Outcome.HANG,
                    f"no answer to '{action}' within {self.timeout_s:g} s (see --timeout)",
                    cause=action,
                )
            assert self._process.stdout
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                raise self._crashed(action)
            self._buffer += data
            if len(self._buffer) > _LONGEST_ANSWER:
                raise Failure(Outcome.CRASH, f"its answer to '{action}' has no end", cause="answer")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _check_memory(self, action: str) -> None:
        if self.memory_limit is not None:
            check_memory(self._process.pid, self.memory_limit, action)

    def _crashed(self, action: str) -> Failure:
        return crash(self._process.wait(), action, self._log)

    def _end(self) -> None:
        # The group outlives its leader if the runtime has started processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _files_of(artifact: Artifact) -> list[Path]:
    """What a worker may read of an artifact; a folder as a whole, and what links in it lead to."""
    try:
        files = artifact.files()
    except ArtifactError:  # its runtime will say what is wrong with it
        return [artifact.payload]
    if artifact.payload.is_dir():
        return [artifact.payload, *(file for file in files if file.is_symlink())]
    return files


def worker_manifest(manifest: Manifest) -> dict[str, Any]:
    """The manifest without its list of files, which may be long and which no worker needs."""
    return {name: value for name, value in asdict(manifest).items() if name != "files"}
