"""A worker for test vectors, and how one ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infer.artifacts.artifact import Artifact
from infer.outcome import Failure, Outcome
from infer.tensors.output_files import read_call
from infer.worker import messages
from infer.worker.client import WorkerProcess

Arrays = dict[str, np.ndarray]
PASSED, DIFFERS, FAILED = "passed", "differs", "failed"


@dataclass(frozen=True)
class Verdict:
    """How a vector ended.

    Attributes:
        name: of the vector.
        ours: through the worker: "passed", "differs", or "failed".
        direct: in the runtime called directly, the same three.
        outcome: the worker's outcome; "ok" if it ran.
        reason: why it did not run.
    """

    name: str
    ours: str
    direct: str
    outcome: str
    reason: str

    @property
    def agrees(self) -> bool:
        """Whether both came to the same.

        What is refused by name need not fail in the runtime, which gives the bytes of types that
        NumPy does not have as whole numbers; but it must not have been right there.
        """
        refused = self.outcome == Outcome.UNSUPPORTED and self.direct != PASSED
        return self.ours == self.direct or refused


class ReusedWorker:
    """A worker that is used for vector after vector, and started anew when it has failed."""

    def __init__(self, format_name: str, folder: Path) -> None:
        self._format = format_name
        self._folder = folder
        self._process: WorkerProcess | None = None

    def __enter__(self) -> ReusedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.__exit__(None, None, None)

    def run(self, payload: Path, inputs: Arrays) -> Arrays:
        """The outputs of one call.

        Raises:
            Failure: it did not load or run.
        """
        outputs = self._folder / "outputs"
        outputs.mkdir(exist_ok=True)
        np.savez(self._folder / "inputs.npz", **inputs)
        process = self._process = self._process or self._start(payload)
        try:
            spec = {"format": self._format, "payload": str(payload), "device": "cpu", "threads": 1}
            process.ask(messages.Start(**spec))
            process.ask(messages.Load())
            process.ask(messages.Call(path=str(self._folder / "inputs.npz"), outputs=str(outputs)))
        except Failure:
            process.__exit__(None, None, None)
            self._process = None
            raise
        return read_call(outputs)

    def _start(self, payload: Path) -> WorkerProcess:
        return WorkerProcess(
            Artifact("vector", payload, self._format, payload),
            device="cpu",
            threads=1,
            scratch=self._folder,
            log=self._folder / "worker.log",
            timeout_s=60,
        )
