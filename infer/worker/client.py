"""The controller's client of a worker: start it, send requests, find out why they fail."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from ..artifacts.artifact import Artifact
from ..artifacts.manifest import Manifest
from ..inputs.worker_inputs import WorkerInputs
from ..outcome import Failure, Outcome
from ..runtimes.memory_errors import says_out_of_memory
from ..runtimes.registry import RUNTIMES, runtimes_for
from ..sandbox import cuda_diagnosis, cuda_driver_start
from ..sandbox.artifact_reader import readable_files, unaltered
from ..sandbox.launcher import command_of
from ..system.folder_removal import remove_folder
from ..system.interpreters import python_of
from ..system.recorded_variables import recorded_variables
from ..variant import TUNED, Variant
from .answer_checks import Known
from .answers import decode_response, longest_answer
from .environment_variables import environment_of
from .message_codec import MessageError, StorageError, encode_request
from .messages import HasCuda, Load, Predict, Request, Response, Start, Uncompiled
from .output_collection import collect, most_folder_bytes, with_outputs
from .pass_progress import WatchedPass
from .process_failures import check_disk
from .responses import LoadResponse
from .spawned_process import SpawnedProcess

# Interpreters and runtimes whose modules were checked for cached bytecode.
_compiled: set[tuple[str, str]] = set()


class WorkerProcess:
    """A worker, as a context manager, which ends the worker's process group on exit.

    It may write only in a folder of its own, made in `scratch` and removed in the end. It may read
    only `scratch`, its artifact, its inputs and what its runtime needs. Both hold if the system
    can enforce them (sandbox/isolation.py). Outputs that a request wants in a folder are written
    to its own, and taken over from there after a check (output_collection.py). On cuda it sees only
    the card that `card` names, as CUDA_VISIBLE_DEVICES takes it; None leaves the variable
    unchanged.

    Attributes:
        timeout_s: seconds allowed for each answer; may be changed between requests.
        memory_limit: bytes that it may hold; None for no limit. May be changed between requests.
        on_samples: called during a pass with the number of samples that are done.
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
        self._artifact = artifact
        self._log = log
        self._folders = (scratch, log.parent)
        self._folder = Path(tempfile.mkdtemp(prefix="worker-", dir=scratch.resolve()))
        self.timeout_s = timeout_s
        self.on_samples: Callable[[int], None] = lambda samples: None
        self.memory_limit = memory_limit
        self._known = Known()
        runtime = variant.runtime or runtimes_for(artifact.format)[0]
        # Where none has the runtime, this one says what is missing.
        self._python = variant.python or python_of(runtime, device) or sys.executable
        self._runtime = RUNTIMES[runtime]
        # Said by arguments, since the worker must know it before it reads any setting.
        self._command = command_of(
            self._python,
            cuda=device == "cuda",
            reads=[
                scratch,
                *readable_files(artifact),
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
        self._process = SpawnedProcess(self._command, self._folder, self._environment, self._log)

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.end()
        self._process.close()
        remove_folder(self._folder)

    @property
    def pid(self) -> int:
        """The worker's process ID."""
        return self._process.pid

    def start(self) -> dict[str, Any]:
        """Import the runtime; the response has the seconds since the process was started."""
        response = self.ask(self._start)
        ready_s = time.perf_counter() - self._process.began
        if self._have_compiled():
            response = self.ask(self._start)
            ready_s = time.perf_counter() - self._process.began
        cuda = {"cuda": self._cuda} if self._cuda else {}
        seen_here = {
            "spawn_to_ready_s": ready_s,
            "variables": recorded_variables(self._environment),
        }
        return {**response, **cuda, **seen_here}

    def load(self, *, profiled: bool = False) -> LoadResponse:
        """Load the artifact, which must still be what was opened and hashed.

        Args:
            profiled: whether to load it for its runtime's profiler.

        Raises:
            Failure: as `ask`; or a file was altered.
        """
        with unaltered(self._artifact):
            return self.ask(Load(profiled))

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
        self._process.end()
        self._process.close()
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
        """Stop the worker with all that it has started, until `resume`."""
        self._process.stop()

    def resume(self) -> None:
        """Let a stopped worker run.

        Raises:
            Failure: it has run while it was stopped, in the turns of others. It has been ended.
        """
        self._process.resume()

    def ask(self, request: Request[Response]) -> Response:
        """Send a request and block until its response arrives.

        Raises:
            Failure: the worker failed, crashed, did not answer in time or holds too much memory. It
                has been ended, so it does not disturb later measurements.
            OSError: its outputs cannot be written, or it failed while the disk was full: runtimes
                write logs and files, so the artifact is not to blame, unless it filled the disk.
        """
        with self._ended_on_failure(request):
            outputs: str | None = getattr(request, "outputs", None)
            if outputs is None:
                return self._ask(request)
            # A name that the worker cannot know before, and take.
            folder = Path(tempfile.mkdtemp(prefix="outputs-", dir=self._folder))
            response: Response = self._ask(with_outputs(request, folder))
            collect(folder, Path(outputs), request, response, self._known)
            remove_folder(folder)
            return response

    @contextmanager
    def _ended_on_failure(self, request: Request[Any]) -> Iterator[None]:
        """End the worker if the block fails, and find out whether the artifact is to blame."""
        try:
            yield
        except StorageError as error:
            self._process.end()
            check_disk(self._folders, self._folder, most_folder_bytes(request, self._known))
            raise Failure(
                Outcome.CRASH,
                f"says that outputs cannot be written, which they can ({error})",
                cause="answer",
            ) from None
        except OSError:
            self._process.end()
            raise
        except Failure as failed:
            self._process.end()
            most_bytes = most_folder_bytes(request, self._known)
            check_disk(self._folders, self._folder, most_bytes, only_full=True)
            if isinstance(request, Start | Load) and (why := self._why_no_cuda()):
                reason = f"{why}; the runtime said: {failed.reason}"
                # Few runtimes say so: JAX sees no device, AOTInductor's call fails.
                full = says_out_of_memory(why)
                outcome = Outcome.OUT_OF_MEMORY if full else failed.outcome
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
        action, is_pass = request.action, isinstance(request, Predict)
        sent = time.perf_counter()
        line = self._process.exchange(
            action,
            encode_request(request),
            longest_answer(request, self._known),
            timeout_s=self.timeout_s,
            memory_limit=self.memory_limit,
            watched=WatchedPass(self._folder, self._known.samples) if is_pass else None,
            tell=self.on_samples,
        )
        since = self._process.began if isinstance(request, Start) else sent
        try:
            return decode_response(request, line, self._known, time.perf_counter() - since)
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


def worker_manifest(manifest: Manifest) -> dict[str, Any]:
    """The manifest without its list of files, which may be long and which no worker needs."""
    return {name: value for name, value in asdict(manifest).items() if name != "files"}
