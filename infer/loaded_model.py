"""A model in a separate worker process, for use from Python."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .artifacts.artifact import Artifact
from .errors import InputError, UsageError
from .inputs.loading import is_of_labels
from .inputs.writing import write_inputs
from .outcome import Failure, Outcome
from .tensors.output_files import read_saved
from .tensors.outputs import SampleAxis, SavedOutputs
from .tensors.sample_axis import sample_axes
from .tensors.signature import Signature
from .worker import messages
from .worker.client import WorkerProcess

Arrays = Mapping[str, np.ndarray] | np.ndarray


class LoadedModel:
    """An artifact that is loaded in a separate worker process, with exactly one runtime.

    As a context manager it ends the process on exit; the process also ends when the object is
    garbage-collected, or with the thread that made it. If the artifact fails, the next call starts
    a fresh process.

    Attributes:
        signature: names, shapes and dtypes of the inputs and outputs.
        versions: versions of the runtime.
    """

    signature: Signature
    versions: dict[str, str]

    def __init__(self, artifact: Artifact, *, independent: bool = False, **process: Any) -> None:
        self._artifact = artifact
        self._options = {"independent": independent}
        self._process = process
        self._files = tempfile.TemporaryDirectory(prefix="exportbench-")
        self._folder = Path(self._files.name)
        descriptor, log = tempfile.mkstemp(prefix="exportbench-", suffix=".log")
        os.close(descriptor)
        self._log = Path(log)
        self._stack = ExitStack()
        self._worker: WorkerProcess | None = None
        self._axes: dict[str, SampleAxis] | None = None
        self._named_in = ""  # the last error
        self._finalizer = weakref.finalize(self, self._stack.close)
        try:
            self._started()
        except BaseException as error:
            self._close(named=str(error))
            raise

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Predict.

        Args:
            inputs: arrays by the names in the signature, all with samples as their first
                dimension; or one array, for a model of one input.

        Returns:
            The outputs, by name.

        Raises:
            InputError: the inputs do not fit the signature.
            Failure: the artifact failed.
        """
        if not self._finalizer.alive:
            raise UsageError(f"{self._artifact.path}: closed; load it again")
        path = self._folder / "inputs.npz"
        given = self._named(inputs)
        _write_inputs(path, {name: given[name] for name in given if not is_of_labels(name)})
        worker = self._started()
        outputs = self._folder / "outputs"
        outputs.mkdir(exist_ok=True)
        try:
            request = messages.Inputs(path=str(path), options=self._options, names_file=False)
            samples = worker.ask(request)["samples"]
            worker.ask(messages.Predict(batch=samples, outputs=str(outputs)))
            saved = read_saved(outputs)
            if any(len(output.parts) > 1 for output in saved.values()):
                saved = self._with_axes(worker, saved, samples)
        except Failure as failure:
            self._worker = None  # it has been ended
            self._named_in = failure.reason
            if failure.outcome == Outcome.BAD_INPUT:
                raise InputError(
                    f"{self._artifact.path}: the inputs do not fit: {failure.reason}"
                ) from None
            raise
        return {
            name: np.moveaxis(output.array, 0, output.axis or 0)
            if len(output.parts) > 1
            else output.parts[0]
            for name, output in saved.items()
        }

    def _with_axes(self, worker: WorkerProcess, saved: SavedOutputs, samples: int) -> SavedOutputs:
        """The outputs of an artifact that had to be called several times, with their samples."""
        if self._axes is None:
            worker.ask(messages.FirstCall(batch=samples))
            probe = worker.ask(messages.BatchProbe(batch=samples))
            followed = {name: output["axes"] for name, output in probe["outputs"].items()}
            self._axes = sample_axes(saved, [self.signature], followed, other_size=False)
        saved = {
            name: replace(output, sample_axis=self._axes[name]) for name, output in saved.items()
        }
        lost = [name for name, output in saved.items() if not output.has_samples]
        if lost:
            raise Failure(
                Outcome.UNSUPPORTED,
                f"{self._artifact.path}: takes only some numbers of samples a call, and which axis "
                f"of '{lost[0]}' counts them is not known; give as many samples as it takes",
            )
        return saved

    def close(self) -> None:
        """End the process. Its log stays if an error named it."""
        self._close(named=self._named_in)

    def _close(self, named: str) -> None:
        self._finalizer()
        self._files.cleanup()
        if str(self._log) not in named:
            self._log.unlink(missing_ok=True)

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _named(self, inputs: Arrays) -> Mapping[str, np.ndarray]:
        if isinstance(inputs, Mapping):
            return inputs
        names = [spec.name for spec in self.signature.inputs]
        if len(names) != 1:
            raise InputError(
                f"{self._artifact.path}: takes {len(names)} inputs ({', '.join(names)}); give "
                "arrays by name"
            )
        return {names[0]: inputs}

    def _started(self) -> WorkerProcess:
        if self._worker is None:
            worker = self._stack.enter_context(
                WorkerProcess(
                    self._artifact,
                    scratch=self._folder,
                    log=self._log,
                    **self._process,
                )
            )
            self.versions = worker.start()["versions"]
            self.signature = Signature.from_dict(worker.load()["signature"])
            self._worker = worker
        return self._worker


def _write_inputs(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    converted = {}
    for name, given in arrays.items():
        try:
            converted[str(name)] = array = np.asarray(given)
        except ValueError as error:  # lists of different lengths
            raise InputError(f"'{name}': no array can be made of it ({error})") from None
        if array.dtype == object and not all(isinstance(v, str | bytes) for v in array.flat):
            raise InputError(f"'{name}': an array of Python objects other than text is no input")
    write_inputs(path, converted)
