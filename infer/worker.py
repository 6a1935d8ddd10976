"""The worker: one process for one artifact, with exactly one runtime.

It reads commands as JSON lines from its standard input and answers each with one JSON line on
what was its standard output when it started; what the runtime prints goes to standard error.
Arrays cross the border as `.npy` and `.npz` files, never as pickles.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from infer.inputs import Batcher, InputError, fit_inputs
from infer.outcome import Failure, Outcome
from infer.runtimes import RUNTIMES
from infer.runtimes.base import Arrays, Model, Options

_PR_SET_PDEATHSIG = 1
_MEMORY_PHRASES = ("out of memory", "resource_exhausted", "bad_alloc", "failed to allocate")
# Calls are steady when the median of one window is within this share of the one before.
_STEADY_SHARE = 0.05
_STEADY_WINDOW = 3

Answer = dict[str, Any]


class Worker:
    """Holds the model between the commands; each public method answers one command."""

    def __init__(self, spec: dict[str, Any], started_ns: int) -> None:
        self.spec = spec
        self.runtime = RUNTIMES[spec["format"]]
        self._started_ns = started_ns
        self._model: Model | None = None
        self._load: Callable[[Path, Options], Model] | None = None
        self._inputs: Arrays = {}

    @property
    def model(self) -> Model:
        """The loaded model."""
        if self._model is None:
            raise Failure(Outcome.LOAD_ERROR, "asked to run before it was loaded")
        return self._model

    def import_runtime(self) -> Answer:
        """Import the runtime; answer with the seconds from the start of the interpreter's main."""
        _use_cores(self.spec["threads"])
        package = self.runtime.package
        if package and importlib.util.find_spec(package) is None:
            raise Failure(
                Outcome.UNSUPPORTED,
                f"{package} is not installed: pip install '.[{self.runtime.extra}]'",
            )
        self._load = importlib.import_module(f"infer.runtimes.{self.runtime.module}").load
        return {
            "seconds": (time.perf_counter_ns() - self._started_ns) / 1e9,
            "versions": {
                name: version
                for name in self.runtime.distributions
                if (version := _version(name)) is not None
            },
            "python": sys.version.split()[0],
            "rss_bytes": _rss(),
        }

    def load(self) -> Answer:
        """Load the artifact."""
        options = Options(self.spec["device"], self.spec["threads"], self.spec.get("manifest", {}))
        assert self._load
        begin = time.perf_counter_ns()
        try:
            self._model = self._load(Path(self.spec["payload"]), options)
        except (MemoryError, NotImplementedError):
            raise
        except Exception as error:
            raise Failure(_blame(error, Outcome.LOAD_ERROR), _line(error)) from error
        seconds = (time.perf_counter_ns() - begin) / 1e9
        return {"seconds": seconds, "signature": asdict(self._model.signature)}

    def inputs(self, path: str) -> Answer:
        """Read the inputs and fit them to the signature."""
        stated = self.spec.get("manifest", {}).get("signature")
        try:
            self._inputs, notes = fit_inputs(Path(path), self.model.signature, stated)
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        return {"samples": len(next(iter(self._inputs.values()))), "notes": notes}

    def first_call(self, batch: int) -> Answer:
        """Time the very first call."""
        seconds = self._timed(self._batches(batch)[0])[0]
        return {"seconds": seconds, "placement": self.model.placement()}

    def warm_up(self, batch: int, limit_s: float, boundary: str = "end_to_end") -> Answer:
        """Call until the calls are steady, or the limit is reached; answer with every call."""
        batches = self._batches(batch)
        call = self._caller(boundary, batches[0])
        # A last batch of another size is compiled apart by some runtimes; not in a timed pass.
        self._timed(batches[len(batches) - 1])
        seconds: list[float] = []
        begin = time.perf_counter()
        steady = False
        while not steady and time.perf_counter() - begin < limit_s:
            seconds.append(call())
            recent = seconds[-2 * _STEADY_WINDOW :]
            if len(recent) == 2 * _STEADY_WINDOW:
                before = float(np.median(recent[:_STEADY_WINDOW]))
                after = float(np.median(recent[_STEADY_WINDOW:]))
                steady = abs(after - before) <= _STEADY_SHARE * before
        return {"seconds": seconds, "steady": steady}

    def passes(
        self, batch: int, count: int, outputs: str | None = None, samples: int | None = None
    ) -> Answer:
        """Time passes over the inputs, end to end; keep the outputs of the last one."""
        inputs = {name: array[:samples] for name, array in self._inputs.items()}
        batches = Batcher(inputs, batch)
        totals: list[float] = []
        calls: list[float] = []
        for index in range(count):
            kept: list[Arrays] = []
            begin = time.perf_counter_ns()
            calls = []
            for part in batches:
                seconds, result = self._timed(part)
                calls.append(seconds)
                kept.append(result)
            totals.append((time.perf_counter_ns() - begin) / 1e9)
            if outputs and index == count - 1:
                self._save(Path(outputs), kept, [batches.samples(i) for i in range(len(batches))])
        return {
            "seconds": totals,
            "last_calls": calls,
            "samples": batches.total,
            "placement": self.model.placement(),
            # A module that is None there is one whose import a runtime has barred.
            "frameworks": sorted(
                runtime.package
                for runtime in RUNTIMES.values()
                if runtime.package and sys.modules.get(runtime.package) is not None
            ),
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def calls(self, batch: int, count: int, boundary: str = "end_to_end") -> Answer:
        """Time single calls on successive batches.

        `boundary` is "end_to_end" (host array in, host array out) or "device_resident" (the
        input is staged before the clock starts, which stops after sync).
        """
        batches = self._batches(batch)
        callers = [
            self._caller(boundary, batches[i % len(batches)])
            for i in range(min(count, len(batches)))
        ]
        return {"seconds": [callers[i % len(callers)]() for i in range(count)]}

    def _batches(self, batch: int) -> Batcher:
        return Batcher(self._inputs, batch)

    def _timed(self, inputs: Arrays) -> tuple[float, Arrays]:
        begin = time.perf_counter_ns()
        outputs = self.model.run(inputs)
        return (time.perf_counter_ns() - begin) / 1e9, outputs

    def _caller(self, boundary: str, inputs: Arrays) -> Callable[[], float]:
        if boundary == "end_to_end":
            return lambda: self._timed(inputs)[0]
        model = self.model
        staged = model.stage(inputs)

        def call() -> float:
            begin = time.perf_counter_ns()
            model.sync(model.run_staged(staged))
            return (time.perf_counter_ns() - begin) / 1e9

        return call

    def _save(self, folder: Path, kept: list[Arrays], samples: list[int]) -> None:
        for index, name in enumerate(kept[0]):
            parts = [
                part[name][:count] if part[name].ndim else part[name][None]
                for part, count in zip(kept, samples, strict=True)
            ]
            np.save(folder / f"output_{index}.npy", np.concatenate(parts), allow_pickle=False)
        names = json.dumps(list(kept[0]))
        (folder / "outputs.json").write_text(names + "\n")


def main(started_ns: int) -> None:
    """Answer commands until the standard input ends."""
    _die_with_parent()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        command = json.loads(line)
        action = command.pop("do")
        try:
            if action == "start":
                worker = Worker(command, started_ns)
                answer = worker.import_runtime()
            else:
                answer = getattr(worker, action)(**command)
        except Failure as failure:
            answer = {"outcome": failure.outcome, "reason": failure.reason}
            traceback.print_exc()
        except MemoryError as error:
            answer = {"outcome": Outcome.OUT_OF_MEMORY, "reason": _line(error)}
        except NotImplementedError as error:
            answer = {"outcome": Outcome.UNSUPPORTED, "reason": _line(error)}
        except Exception as error:
            traceback.print_exc()
            answer = {"outcome": _blame(error, Outcome.CRASH), "reason": _line(error)}
        answers.write(json.dumps(answer) + "\n")


def _blame(error: Exception, otherwise: Outcome) -> Outcome:
    text = str(error).lower()
    memory = any(phrase in text for phrase in _MEMORY_PHRASES)
    return Outcome.OUT_OF_MEMORY if memory else otherwise


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text[:300]}"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _use_cores(count: int) -> None:
    """Bind to so many cores, since XLA takes as many threads as it sees cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def _rss() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _die_with_parent() -> None:
    """Have Linux end this process when the controller ends, however that happens."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)
