"""The checks of one sample: its reader, its runtime in a worker, and damaged copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from ...artifacts.artifact import Artifact
from ...artifacts.files import files_of
from ...errors import ArtifactError
from ...formats.detection import detect
from ...formats.registry import FORMATS
from ...inputs.writing import write_inputs
from ...outcome import Failure, Outcome
from ...sandbox import artifact_reader
from ...system.interpreters import parse_interpreters
from ...tensors.dtypes import ANY
from ...tensors.output_files import read_call
from ...tensors.signature import Signature
from ...variant import Variant
from ...worker import messages
from ...worker.client import WorkerProcess
from ...workload import DEVICE_RESIDENT, END_TO_END
from .sample import Arrays, Sample

_TIMEOUT_S = 100.0
_BURST_S = 0.01
# What a call may hold beyond what the worker held before, where memory is to run out.
_MEMORY_LEFT = 16 << 20
# The share of a file's bytes that a damaged copy keeps.
KEPT_SHARES = (0.0, 0.1, 0.6, 0.9)
_LOADED_SHARE = 0.6
# How a damaged file may end when it is loaded: not with a crash, and not by waiting for it.
_REFUSALS = (Outcome.LOAD_ERROR, Outcome.UNSUPPORTED, Outcome.OUT_OF_MEMORY)


class ContractChecks:
    """The checks of one sample, and what they have found.

    Attributes:
        problems: what does not hold, a line each.
    """

    def __init__(self, sample: Sample, artifact: Artifact, runtime: str, folder: Path) -> None:
        self.problems: list[str] = []
        self._sample = sample
        self._artifact = artifact
        self._runtime = runtime
        self._folder = folder.resolve()
        self._size = max(sample.batches)
        self._outputs = 0

    @contextmanager
    def noted(self, check: str) -> Iterator[None]:
        """Note how a check fails; those after it go on.

        Raises:
            WorkerEnded: the worker has ended, and nothing can be asked of it.
        """
        try:
            yield
        except Failure as failure:
            self.problems.append(f"{check}: {failure.outcome}: {failure.reason}")
            raise WorkerEnded from None
        except (ArtifactError, OSError, _Broken) as error:
            self.problems.append(f"{check}: {error}")

    @contextmanager
    def worker(self, name: str, artifact: Artifact) -> Iterator[WorkerProcess]:
        """A worker that has imported the runtime."""
        variant = Variant(self._runtime, signature=self._sample.signature)
        if self._sample.python:
            variant = parse_interpreters([f"other={self._sample.python}"])[0].variant(variant)
        with WorkerProcess(
            artifact,
            device=self._sample.device,
            threads=1,
            scratch=self._folder / name,
            log=self._folder / f"{name}.log",
            timeout_s=_TIMEOUT_S,
            variant=variant,
        ) as process:
            process.start()
            yield process

    def reader(self) -> None:
        """The reader, if the format has one, tells of every input."""
        known = FORMATS[self._artifact.format]
        if known.describe is None and known.external is None:
            return
        description = artifact_reader.describe(self._artifact.format, self._artifact.payload)
        specs = [spec for s in description.signatures.values() for spec in s.inputs]
        described = {spec.name for spec in specs}
        # Of an argument that holds several tensors a reader may know no more than its name.
        lacking = {
            name for name in self._sample.inputs if not {name, name.split(".")[0]} & described
        }
        _expect(
            not described or not lacking, f"the reader does not list {', '.join(sorted(lacking))}"
        )

    def model(self, process: WorkerProcess) -> None:
        """All that is done with a loaded model; memory last, since it ends the process."""
        loaded = process.load()
        with self.noted("signature"):
            self._signature(Signature.from_dict(loaded["signature"]))
        alone = [self._call(process, self._sample.row(row)) for row in range(self._sample.samples)]
        with self.noted("outputs"):
            self._expected(alone)
        for size in self._sample.batches:
            with self.noted(f"batch {size}"):
                self._same(self._call(process, self._sample.batch(size)), alone, range(size))
        with self.noted("inputs"):
            process.ask(messages.Inputs(path=self._written(self._sample.batch(self._size))))
        for boundary in (END_TO_END, DEVICE_RESIDENT):
            with self.noted(boundary):
                self._boundary(process, boundary, alone)
        with self.noted("early return"):
            unfinished = process.ask(messages.Check(batch=self._size))["unfinished"]
            _expect(unfinished is None, str(unfinished))
        with self.noted("raw call"):
            raw_s = process.ask(messages.Overhead(batch=self._size, rounds=1, burst_s=_BURST_S))[
                "raw_s"
            ]
            _expect(all(seconds > 0 for seconds in raw_s), f"took {raw_s} s")
        if self._sample.largest_batch:
            with self.noted("largest batch"):
                self._above(process, self._sample.largest_batch)
            return
        with self.noted("out of memory"):
            self._out_of_memory(process)

    def damaged(self, share: float) -> None:
        """A copy whose largest file was cut off is refused, by the reader and when it is loaded."""
        payload = self._artifact.payload
        root = payload if payload.is_dir() else payload.parent
        home = self._folder / f"damaged-{share}"
        copies = []
        for file in files_of(payload):
            copies.append(home / file.relative_to(root))
            copies[-1].parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copies[-1])
        largest = max(copies, key=lambda file: file.stat().st_size)
        with largest.open("r+b") as opened:
            opened.truncate(int(share * largest.stat().st_size))
        damaged = home if payload.is_dir() else home / payload.name
        artifact = replace(self._artifact, path=damaged, payload=damaged)
        with suppress(ArtifactError):
            detect(damaged)
        with suppress(ArtifactError):
            artifact_reader.describe(artifact.format, damaged)
        if share != _LOADED_SHARE:
            return
        try:
            with self.worker("damaged", artifact) as process:
                process.load()
        except ArtifactError:  # refused before it was loaded
            pass
        except Failure as failure:
            if failure.outcome not in _REFUSALS:
                raise

    def _signature(self, signature: Signature) -> None:
        inputs = {spec.name: spec.dtype for spec in signature.inputs}
        outputs = [spec.name for spec in signature.outputs]
        _expect(bool(outputs), "it names no outputs")
        _expect(len(set(outputs)) == len(outputs), f"outputs of one name: {', '.join(outputs)}")
        unknown = self._sample.inputs.keys() - inputs.keys()
        _expect(not unknown, f"no input {', '.join(sorted(unknown))} (there are {[*inputs]})")
        for name, array in self._sample.inputs.items():
            right = inputs[name] in (ANY, array.dtype.name)
            _expect(right, f"'{name}' is {inputs[name]}, the sample has {array.dtype}")

    def _expected(self, alone: list[Arrays]) -> None:
        for name, expected in (self._sample.outputs or {}).items():
            _expect(name in alone[0], f"no output '{name}'")
            rows = [
                _near(outputs[name][0], array, self._sample.tolerance)
                for outputs, array in zip(alone, expected, strict=False)
            ]
            _expect(all(rows), f"'{name}' is not what the sample says")

    def _call(self, process: WorkerProcess, inputs: Arrays) -> Arrays:
        """The outputs of a call on arrays as they are; where it ran must be said and right."""
        folder = self._output_folder()
        placement = process.ask(messages.Call(path=self._written(inputs), outputs=str(folder)))[
            "placement"
        ]
        with self.noted("placement"):
            _expect(
                placement.get("device") == self._sample.device,
                f"asked to run on {self._sample.device}, it says {placement.get('device')}",
            )
            _expect(isinstance(placement.get("threads"), int), "it does not say how many threads")
        return read_call(folder)

    def _boundary(self, process: WorkerProcess, boundary: str, alone: list[Arrays]) -> None:
        folder = self._output_folder()
        timed = process.ask(
            messages.Burst(
                batch=self._size, calls=2, first=0, boundary=boundary, outputs=str(folder)
            )
        )
        _expect(all(seconds > 0 for seconds in timed["seconds"]), "calls take no time")
        self._same(read_call(folder), alone, timed["rows"])

    def _same(self, outputs: Arrays, alone: list[Arrays], rows: Iterable[int]) -> None:
        """A sample has the same outputs in a batch as alone."""
        rows = list(rows)
        followed = [name for name, array in outputs.items() if array.shape[:1] == (len(rows),)]
        _expect(bool(followed), "no output has the samples as its first dimension")
        _expect(outputs.keys() == alone[0].keys(), f"other outputs than before: {[*outputs]}")
        for name in set(followed).difference(self._sample.changing):
            right = all(
                _near(array, alone[row % len(alone)][name][0], self._sample.tolerance)
                for row, array in zip(rows, outputs[name], strict=True)
            )
            _expect(right, f"'{name}' of a sample is another than in a call of its own")

    def _above(self, process: WorkerProcess, largest: int) -> None:
        """A call with one sample more than the artifact takes is unsupported."""
        path = self._written(self._sample.batch(largest + 1))
        try:
            process.ask(messages.Call(path=path, outputs=str(self._output_folder())))
        except Failure as failure:
            if failure.outcome != Outcome.UNSUPPORTED:
                raise
        else:
            raise _Broken(f"it takes {largest + 1} samples, more than its bound of {largest}")

    def _out_of_memory(self, process: WorkerProcess) -> None:
        """A call that holds more than it may ends so, and the process with it."""
        sample_bytes = sum(array.nbytes for array in self._sample.row(0).values())
        inputs = self._sample.batch(4 * _MEMORY_LEFT // max(sample_bytes, 1))
        process.memory_limit = psutil.Process(process.pid).memory_info().rss + _MEMORY_LEFT
        try:
            process.ask(
                messages.Call(path=self._written(inputs), outputs=str(self._output_folder()))
            )
        except Failure as failure:
            if failure.outcome != Outcome.OUT_OF_MEMORY:
                raise
        else:
            raise _Broken("a call may hold more memory than its limit")

    def _written(self, inputs: Arrays) -> str:
        path = self._folder / "whole" / "inputs.npz"
        write_inputs(path, inputs)
        return str(path)

    def _output_folder(self) -> Path:
        self._outputs += 1
        folder = self._folder / "whole" / f"outputs-{self._outputs}"
        folder.mkdir(parents=True)
        return folder


class WorkerEnded(Exception):  # noqa: N818 - it has been noted
    """The worker failed, and what was to be checked after that is not."""


class _Broken(Exception):  # noqa: N818 - it is an answer
    """What does not hold, in words."""


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Broken(otherwise)


def _near(array: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    if array.shape != expected.shape or array.dtype != expected.dtype:
        return False
    if array.dtype.kind in "OSUb":
        return bool((array == expected).all())
    return bool(np.allclose(array, expected, rtol=tolerance, atol=tolerance, equal_nan=True))
