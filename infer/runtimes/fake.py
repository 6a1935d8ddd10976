"""A runtime without a framework, to test schedule, statistics and faults with.

Its payload is a JSON file of:

    signature     as in a manifest
    load_s        seconds that loading takes
    call_s        seconds that a call takes, whatever the batch
    sample_s      seconds that every sample of a batch adds
    compile_s     seconds that the first call with so many samples adds
    cycle         factors of the time of one call after another, again and again
    bias          added to every output
    state         added to every output times the number of the call since loading or a reset
    reset         "load": it forgets its state only when it is loaded again
    noise         largest random number that is added to every output of every call
    takes         samples that it takes in a call; an error for any other number
    tf32          what it says of TF32
    device        where it says that it ran (default: where it was asked to)
    gpu_bytes     what it says that it held on a card at most
    balloon_mb    memory that a call takes and keeps
    early         answers before it is finished: "run" returns outputs that are filled in later,
                  "sync" does not wait for what `fetch` then waits for
    blocks        a call on staged inputs returns when it is finished, not when it is enqueued
    enqueue_s     seconds that enqueueing such a call keeps the host busy
    copy_s        seconds of a copy to the device, and from it
    events        it tells the device's own time of a call
    operators     [NAME, KIND, SECONDS] of each operator that its profiler tells of a call, one
                  after the other; it has no profiler without them
    reads         a file that it reads when it is loaded, as runtimes read tables of their own
    fault         {"at": "load" | "run", "call": N, "samples": N, "kind": KIND, "says": TEXT}, from
                  the call N on, or in calls with N samples, with KIND one of hang, crash, abort,
                  exit, error, memory, nan, shape, garbage
    on_cuda       settings in place of these, where the device is cuda

Its outputs are a fixed function of the inputs: a softmax of the mean of each sample.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..profiling.recording import OperatorEvent, RecordedCall
from ..tensors.signature import Signature
from .base import Arrays, Model, Options, Setting
from .profiler import Profiler

SETTINGS: tuple[Setting, ...] = ()
# A sleeper wakes up late by up to a tenth of a millisecond; the last of a call is not slept.
_AWAKE_S = 5e-4


class Fake(Model):
    """Behaves as its payload says."""

    def __init__(self, path: Path, options: Options) -> None:
        self._settings = json.loads(path.read_text())
        if options.device == "cuda":
            self._settings |= self._settings.get("on_cuda", {})
        self._device = self._settings.get("device", options.device)
        self._threads = options.threads
        self._calls = 0
        self._remembered = 0  # since the last reset
        self._kept: list[bytearray] = []
        self._compiled: set[int] = set()
        self._device_thread = ThreadPoolExecutor(max_workers=1)
        time.sleep(self._settings.get("load_s", 0))
        if "reads" in self._settings:
            Path(self._settings["reads"]).read_bytes()
        self._fault("load")
        self.signature = Signature.from_dict(self._settings["signature"])

    def run(self, inputs: Arrays) -> Arrays:
        """Take the time, have the fault, give the outputs."""
        if self._settings.get("early") != "run":
            return self._run(inputs)
        outputs = {
            spec.name: np.zeros(
                (len(next(iter(inputs.values()))), int(spec.sizes[-1] or 1)), np.float32
            )
            for spec in self.signature.outputs
        }

        def fill_in() -> None:
            for name, array in self._run(inputs).items():
                outputs[name][:] = array

        threading.Thread(target=fill_in, daemon=True).start()
        return outputs

    def _run(self, inputs: Arrays) -> Arrays:
        begin = time.perf_counter()
        self._calls += 1
        self._remembered += 1
        batch = len(next(iter(inputs.values())))
        fault = self._fault("run", batch)
        if batch != self._settings.get("takes", batch):
            raise ValueError(f"takes {self._settings['takes']} samples, not {batch}")
        seconds = self._settings.get("call_s", 0) + batch * self._settings.get("sample_s", 0)
        cycle = self._settings.get("cycle", [1])
        seconds *= cycle[self._calls % len(cycle)]
        if batch not in self._compiled:
            self._compiled.add(batch)
            seconds += self._settings.get("compile_s", 0)
        if self._settings.get("balloon_mb"):
            self._kept.append(bytearray(os.urandom(1024)) * (self._settings["balloon_mb"] * 1024))
        means = np.mean([a.reshape(batch, -1).mean(axis=1) for a in inputs.values()], axis=0)
        outputs = {}
        for spec in self.signature.outputs:
            classes = int(spec.sizes[-1] or 1) if spec.sizes else 1
            phase = np.arange(classes) * 0.7
            logits = np.cos(means[:, None] * 50 + phase) * 3
            odds = np.exp(logits)
            values = odds / odds.sum(axis=1, keepdims=True) + self._settings.get("bias", 0)
            if fault == "nan":
                values[0, 0] = np.nan
            if fault == "shape":
                values = values[:, :-1]
            values += self._settings.get("state", 0) * (self._remembered - 1)
            values += self._settings.get("noise", 0) * np.random.default_rng().random(values.shape)
            outputs[spec.name] = values.astype(np.float32)
        _wait_until(begin + seconds)
        return outputs

    def stage(self, inputs: Arrays) -> Arrays:
        """Take the time of a copy."""
        _wait_until(time.perf_counter() + self._settings.get("copy_s", 0))
        return inputs

    def run_staged(self, staged: Arrays) -> Future[Arrays]:
        """As `run`, in a thread that stands for a device."""
        result = self._device_thread.submit(self._run, staged)
        _wait_until(time.perf_counter() + self._settings.get("enqueue_s", 0))
        if self._settings.get("blocks"):
            result.result()
        return result

    def sync(self, result: Future[Arrays]) -> None:
        """Wait for the thread, unless told not to."""
        if self._settings.get("early") != "sync":
            result.result()

    def fetch(self, result: Future[Arrays]) -> Arrays:
        """What the thread came to."""
        outputs = result.result()
        _wait_until(time.perf_counter() + self._settings.get("copy_s", 0))
        return outputs

    def event_seconds(self, staged: Arrays) -> float | None:
        """What the thread takes, where the payload says that it tells."""
        if not self._settings.get("events"):
            return None

        def timed() -> float:
            begin = time.perf_counter()
            self._run(staged)
            return time.perf_counter() - begin

        return self._device_thread.submit(timed).result()

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """There is no shorter way."""
        return lambda: self._run(inputs)

    def state_reset(self) -> Callable[[], object] | None:
        """As the payload says."""

        def forget() -> None:
            self._remembered = 0

        return None if self._settings.get("reset") == "load" else forget

    def profiler(self, folder: Path) -> Profiler:
        """What it was told to have."""
        if "operators" not in self._settings:
            raise NotImplementedError("the fake runtime was given no operators")
        return FakeProfiler(self._settings["operators"])

    def gpu_peak_bytes(self) -> int | None:
        """What it was told to say."""
        peak: int | None = self._settings.get("gpu_bytes")
        return peak

    def placement(self) -> dict[str, Any]:
        """What it was told to say."""
        report: dict[str, Any] = {"device": self._device, "threads": self._threads}
        if "tf32" in self._settings:
            report["tf32"] = self._settings["tf32"]
        return report

    def _fault(self, at: str, samples: int | None = None) -> str | None:
        fault = self._settings.get("fault") or {}
        if fault.get("at") != at or self._calls < fault.get("call", 0):
            return None
        if fault.get("samples", samples) != samples:
            return None
        kind: str = fault["kind"]
        says = fault.get("says", "the fake runtime was told to fail")
        if kind == "hang":
            time.sleep(3600)
        elif kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif kind == "abort":
            sys.stderr.write(f"{says}\n")
            sys.stderr.flush()
            os.abort()
        elif kind == "exit":
            os._exit(7)
        elif kind == "error":
            raise RuntimeError(says)
        elif kind == "memory":
            raise MemoryError("the fake runtime was told to have no memory left")
        elif kind == "garbage":
            os.write(1, b"this is not JSON\n")
            print("nor is this", flush=True)
            sys.stderr.write("and this is a warning\n")
        return kind


class FakeProfiler(Profiler):
    """Tells of every call the operators that it was given."""

    name = "the fake profiler"

    def __init__(self, operators: list[tuple[str, str, float]]) -> None:
        self._operators = operators
        self._calls: list[RecordedCall] = []

    def call(self, function: Callable[[], object]) -> None:
        """Call, and lay the operators end to end."""
        begin = now = time.perf_counter_ns()
        function()
        events = []
        for name, kind, seconds in self._operators:
            events.append(OperatorEvent(name, kind, now, now + int(seconds * 1e9)))
            now = events[-1].end_ns
        self._calls.append(RecordedCall(begin, time.perf_counter_ns(), tuple(events)))

    def stop(self) -> list[RecordedCall]:
        """The calls."""
        return self._calls


def _wait_until(end: float) -> None:
    """Sleep, but for the last of it.

    Args:
        end: of `time.perf_counter`, in seconds.
    """
    time.sleep(max(end - time.perf_counter() - _AWAKE_S, 0))
    while time.perf_counter() < end:
        pass


def devices() -> list[str]:
    """There is none."""
    return []


def has_cuda() -> None:
    """It stands for any device."""


def load(path: Path, options: Options) -> Fake:
    """Load a JSON file."""
    return Fake(path, options)
