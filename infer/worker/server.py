"""The worker: one process for one artifact, with exactly one runtime.

It reads commands as JSON lines from its standard input and answers each with one JSON line on
what was its standard output when it started; what the runtime prints goes to standard error.
Arrays cross the border as `.npy` and `.npz` files, never as pickles.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import signal
import statistics
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..inputs.batching import Batcher
from ..inputs.fitting import Fitted, fit_inputs, sized
from ..inputs.options import InputOptions
from ..inputs.state import find_state_bindings
from ..outcome import Failure, Outcome
from ..runtimes.base import Arrays, Model, Options
from ..runtimes.memory_errors import is_out_of_memory
from ..runtimes.registry import RUNTIMES, Runtime, runtimes_for
from ..stats.steadiness import Steadiness
from ..tensors.differences import differences
from ..tensors.outputs import UnevenError, write_arrays, write_outputs
from ..tensors.rules import rules_for
from ..workload import DEVICE_RESIDENT, END_TO_END
from .bytecode import uncompiled
from .calls import FixedBatchModel, UnbatchedModel, next_state
from .device_time import device_times

_PR_SET_PDEATHSIG = 1
# Blocks of calls in the least time that a card is warmed up.
_BLOCKS = 12
_CHECKED_CALLS = 3
# What a call that answers too early must hide to be told from noise, and the wait that shows it.
_LEAST_HIDDEN_S = 1e-3
_LEAST_WAIT_S = 0.02
_LARGEST_BATCH = {"cpu": 1024, "cuda": 16384}
_LARGEST_BATCH_BYTES = 2 << 30
# How long a card is called before a batch of a sweep is timed: it idles while others are compiled.
_READY_S = 0.05
# Throughput that grows by less than this share over two doublings of the batch is at its end.
_GROWTH = 0.03

Answer = dict[str, Any]


class StorageError(Exception):
    """Outputs cannot be written: no fault of the artifact's."""


class Worker:
    """Holds the model between the commands; each public method answers one command."""

    def __init__(
        self, spec: dict[str, Any], started_ns: int, isolation: dict[str, str | None]
    ) -> None:
        self.spec = spec
        self._isolation = isolation
        stated = spec.get("external")  # of a plug-in, which only the controller looks for
        self.runtime = (
            Runtime.from_dict(stated)
            if stated
            else RUNTIMES[spec.get("runtime") or runtimes_for(spec["format"])[0]]
        )
        self._started_ns = started_ns
        self._baseline_rss = _memory("VmRSS")
        self._model: Model | None = None  # as it is called: see infer.worker.calls
        self._loaded: Model | None = None
        self._module: Any = None
        self._inputs: Arrays = {}
        self._broadcast: frozenset[str] = frozenset()
        self._loops: dict[str, str] = {}
        # Outputs of the very first call and its batch, before anything else could change a state.
        self._first: tuple[int, Arrays] | None = None

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
            where, what = "", self.runtime.install
            if "interpreter" in self.spec:  # there this project need not be installed
                where = f" in {self.spec['interpreter']}"
                what = f"{sys.executable} -m pip install {self.runtime.distributions[0]}"
            raise Failure(Outcome.UNSUPPORTED, f"{package} is not installed{where}: {what}")
        if self.spec["device"] not in self.runtime.devices:
            raise Failure(
                Outcome.UNSUPPORTED,
                f"{package} runs on {' and '.join(self.runtime.devices)} here: use --device "
                f"{self.runtime.devices[0]}",
            )
        self._module = self.runtime.load()
        return {
            "seconds": (time.perf_counter_ns() - self._started_ns) / 1e9,
            "versions": {
                name: version
                for name in self.runtime.distributions
                if (version := _version(name)) is not None
            },
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "isolation": self._isolation,
        }

    def uncompiled(self) -> Answer:
        """The files of imported modules that Python compiles at every start."""
        return {"modules": uncompiled()}

    def devices(self) -> Answer:
        """What the runtime can run on here, in its own words."""
        return {"devices": self._module.devices()}

    def has_cuda(self) -> Answer:
        """Why the runtime cannot run on a GPU here, in words; null if it can."""
        return {"problem": self._module.has_cuda()}

    def gpu_peak(self) -> Answer:
        """The most bytes that the runtime has held on the card, as it counts; null if it does not.

        Not the context of CUDA, nor what its libraries keep for themselves.
        """
        peak = getattr(self._loaded, "gpu_peak_bytes", None)
        with contextlib.suppress(Exception):  # nothing that is measured needs it
            return {"bytes": peak() if peak else None}
        return {"bytes": None}

    def load(self) -> Answer:
        """Load the artifact."""
        options = Options(
            self.spec["device"],
            self.spec["threads"],
            self.spec.get("manifest", {}),
            self.spec.get("bare", False),
            self.spec.get("settings", {}),
            self.spec.get("signature"),
            self.spec.get("tf32", False),
        )
        begin = time.perf_counter_ns()
        try:
            self._model = self._loaded = self._module.load(Path(self.spec["payload"]), options)
            seconds = (time.perf_counter_ns() - begin) / 1e9
            settle = getattr(self._model, "settle", None)
            if settle:
                settle()
        except (MemoryError, NotImplementedError, Failure):
            raise
        except Exception as error:
            raise Failure(_classify_error(error, Outcome.LOAD_ERROR), _line(error)) from error
        return {
            "seconds": seconds,
            "signature": asdict(self._model.signature),
            "notes": list(getattr(self._model, "notes", ())),
        }

    def inputs(self, path: str, wishes: dict[str, Any] | None = None, label: str = "") -> Answer:
        """Read the inputs and fit them to the signature.

        Args:
            path: of the file.
            wishes: of the user, as JSON has them.
            label: of the artifact, as the wishes call it.
        """
        stated = self.spec.get("manifest", {}).get("signature")
        own = self.model.signature
        self._model, self._first = self._loaded, None
        said = InputOptions.of(wishes or {})
        try:
            fitted = fit_inputs(Path(path), own, stated, said, label or "the artifact")
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        self._inputs, self._broadcast = fitted.arrays, fitted.broadcast
        if said.loops:
            names = [spec.name for spec in own.inputs], [spec.name for spec in own.outputs]
            self._loops = find_state_bindings(
                said, *rules_for(said.rules, label, *names), *names, label
            )
        only = self._take_calls_of(fitted)
        return {
            "samples": fitted.samples,
            "notes": fitted.notes,
            "fixed": fitted.fixed_batch,
            "only_batch": only,
            "looped": bool(self._loops),
            "inputs": [asdict(spec) for spec in sized(own, said.dims).inputs],
        }

    def _take_calls_of(self, fitted: Fitted) -> int | None:
        """Have the model called as the inputs allow; return the only batch, if there is only one.

        A loop takes a step a call, and inputs without samples are one.
        """
        samples = fitted.arrays.keys() - fitted.broadcast
        if self._loops and samples:
            return fitted.fixed_batch or 1
        if not samples:
            self._model = UnbatchedModel(self.model)
            return 1
        if fitted.fixed_batch:
            self._model = FixedBatchModel(self.model, fitted.fixed_batch, fitted.broadcast)
        return None

    def call(self, path: str, outputs: str) -> Answer:
        """Call once with the arrays of an `.npz` file as they are, and keep the outputs."""
        with np.load(path, allow_pickle=False) as file:
            inputs = {name: file[name] for name in file.files}
        wanted = [spec.name for spec in self.model.signature.inputs]
        given = {re.sub(r"\[\d+\]$", "", name) for name in inputs}  # parts of a sequence
        missing = set(wanted) - given - set(getattr(self.model, "optional", ()))
        if missing or given - set(wanted):
            raise Failure(
                Outcome.BAD_INPUT, f"takes {', '.join(wanted)}; given {', '.join(inputs)}"
            )
        found = {name: np.asarray(array) for name, array in self.model.run(inputs).items()}
        try:
            write_arrays(Path(outputs), found)
        except OSError as error:
            raise StorageError(f"{outputs}: outputs cannot be written ({error})") from None
        return {"placement": self.model.placement()}

    def first_call(self, batch: int) -> Answer:
        """Time the very first call; its outputs are kept for `predict`."""
        seconds, outputs = self._timed(self._batches(batch)[0])
        if self._first is None:
            self._first = batch, {name: np.array(array) for name, array in outputs.items()}
        return {"seconds": seconds, "placement": self.model.placement()}

    def repeat(self, batch: int) -> Answer:
        """Call once more on what the first call had, and say by how much the outputs differ.

        Returns:
            `differences`, by output: the largest absolute one, null where shapes differ or one is
            NaN where the other is not.
        """
        assert self._first
        again = self._timed(self._batches(batch)[0])[1]
        found: dict[str, float | None] = {}
        for name, before in self._first[1].items():
            found[name] = None
            now = np.asarray(again.get(name))
            if name in again and now.shape == before.shape:
                largest = float(differences(now, before).max(initial=0.0))
                found[name] = largest if np.isfinite(largest) else None
        return {"differences": found}

    def check(self, batch: int) -> Answer:
        """Whether calls are finished when they say so, and whether time grows with the batch."""
        single, full = self._batches(1)[0], self._batches(batch).full(0)
        self._timed(single)
        # In turn, and the shortest of each: what else runs on the machine only makes calls slower.
        seconds: dict[int, list[float]] = {1: [], batch: []}
        for _ in range(_CHECKED_CALLS):
            for size, inputs in ((1, single), (batch, full)):
                seconds[size].append(self._timed(inputs)[0])
        times = {size: min(own) for size, own in seconds.items()}
        return {"seconds": times, "unfinished": self._unfinished(full, times[batch])}

    def _unfinished(self, inputs: Arrays, call_s: float) -> str | None:
        """What a runtime that answers too early would give away; None if it does not.

        A call may seem short because it returns early; what fetching a staged result takes shows
        how long to wait for it.
        """
        begin = time.perf_counter()
        self.model.fetch(self.model.run_staged(self.model.stage(inputs)))
        wait_s = 2 * max(call_s, time.perf_counter() - begin) + _LEAST_WAIT_S
        outputs = self.model.run(inputs)
        at_once = {name: np.array(array) for name, array in outputs.items()}
        time.sleep(wait_s)
        for name, array in outputs.items():
            if differences(np.asarray(array), at_once[name]).any():
                return f"'{name}' changed after the call had returned"

        def fetch_s(pause_s: float) -> tuple[float, float]:
            staged = self.model.stage(inputs)
            begin = time.perf_counter_ns()
            result = self.model.run_staged(staged)
            self.model.sync(result)
            synced = time.perf_counter_ns()
            time.sleep(pause_s)
            fetched = time.perf_counter_ns()
            self.model.fetch(result)
            return (time.perf_counter_ns() - fetched) / 1e9, (synced - begin) / 1e9

        def hidden_s() -> float:
            """What was left to do after sync: a fetch takes less when it has waited."""
            at_once_s = statistics.median(fetch_s(0)[0] for _ in range(_CHECKED_CALLS))
            later_s, synced_s = fetch_s(wait_s)
            hidden_s = at_once_s - later_s
            return hidden_s if hidden_s > max(_LEAST_HIDDEN_S, 0.5 * (synced_s + hidden_s)) else 0.0

        # On a busy machine a fetch may take long by chance, but not each time.
        found = [hidden_s()]
        while found[-1] and len(found) < _CHECKED_CALLS:
            found.append(hidden_s())
        if found[-1]:
            return f"the device was busy for {min(found):.2g} s after sync had returned"
        return None

    def warm_up(
        self,
        batch: int,
        limit_s: float,
        gap_s: float = 0.0,
        boundary: str = END_TO_END,
        least_s: float = 0.0,
    ) -> Answer:
        """Call until the calls are steady, or the limit is reached.

        Args:
            batch: samples a call.
            limit_s: seconds, without those of the first call, which may compile.
            gap_s: pause before each call.
            boundary: "end_to_end" or "device_resident".
            least_s: seconds that it takes at least; calls are then looked at in blocks.

        Returns:
            `calls`, `total_s` of them, `call_s` at last, and whether they were `steady`.
        """
        call = self._caller(boundary, self._batches(batch).full(0))
        state = Steadiness(least_s / _BLOCKS)
        calls, total_s = 0, 0.0
        begin: float | None = None
        while True:
            if gap_s:
                time.sleep(gap_s)
            seconds = call()
            now = time.perf_counter()
            begin = begin or now
            calls, total_s = calls + 1, total_s + seconds
            state.add(seconds, now)
            spent_s = now - begin
            if spent_s >= limit_s or (state.steady and spent_s >= least_s):
                return {
                    "calls": calls,
                    "total_s": total_s,
                    "call_s": state.call_s,
                    "steady": state.steady,
                }

    def device_time(self, batches: list[int]) -> Answer:
        """What calls take on the device itself, by the samples in them: see device_time.py."""
        return device_times(self.model, batches, lambda batch: self._batches(batch).full(0))

    def predict(
        self, batch: int, outputs: str, samples: int | None = None, skip: int = 0
    ) -> Answer:
        """Predict all samples once, keep the outputs, and say where and with what it was done.

        Args:
            batch: samples a call.
            outputs: folder for them.
            samples: how many; None for all.
            skip: samples that are left out before these.
        """
        batches = self._batches(batch, samples, skip)
        kept: list[Arrays] = []
        begin = time.perf_counter_ns()
        for index, part in enumerate(batches):
            if index == 0 and not skip and self._first and self._first[0] == batch:
                kept.append(self._first[1])  # a second call would find a state that has changed
                continue
            if self._loops and kept:
                part = next_state(kept[-1], self._loops, part)
            kept.append({name: np.array(a) for name, a in self.model.run(part).items()})
        seconds = (time.perf_counter_ns() - begin) / 1e9
        self._save(Path(outputs), kept, [batches.samples(i) for i in range(len(batches))])
        return {
            "seconds": seconds,
            "samples": batches.total,
            "placement": self.model.placement(),
            # A module that is None there is one whose import a runtime has barred.
            "frameworks": sorted(
                {
                    runtime.package
                    for runtime in (*RUNTIMES.values(), self.runtime)
                    if runtime.package and sys.modules.get(runtime.package) is not None
                }
            ),
            "peak_rss_bytes": _memory("VmHWM"),
            "bare_rss_bytes": self._baseline_rss,
        }

    def sweep(self, limit_s: float, patience_s: float) -> Answer:
        """Double the batch until throughput no longer grows, or memory or time ends.

        Args:
            limit_s: seconds that timed calls may take together; the first call of each batch, which
                may compile, is not among them.
            patience_s: seconds for all.
        """
        rates: dict[int, float] = {}
        device, no_memory = self.spec["device"], None
        begin, timed_s = time.perf_counter(), 0.0
        ended = f"batches above {_LARGEST_BATCH[device]} are not tried"
        batch = 1
        while batch <= _LARGEST_BATCH[device]:
            if timed_s > limit_s:
                ended = f"{limit_s:g} s were over"
                break
            if time.perf_counter() - begin > patience_s:
                ended = f"{patience_s:g} s were over, most of them before calls could be timed"
                break
            try:
                inputs = self._batches(batch).full(0)
                if _bytes(inputs) > _LARGEST_BATCH_BYTES:
                    ended = f"a batch of {batch} is larger than {_LARGEST_BATCH_BYTES >> 30} GiB"
                    break
                call = self._caller(END_TO_END, inputs)
                call()
                ready = time.perf_counter()
                while device == "cuda" and time.perf_counter() - ready < _READY_S:
                    call()
                seconds = min(call() for _ in range(_CHECKED_CALLS))
                timed_s += time.perf_counter() - ready
            except Exception as error:
                if is_out_of_memory(error):
                    ended, no_memory = f"no memory for a batch of {batch}", batch
                elif rates:  # libraries count in 32 bits, here and there
                    ended = f"a batch of {batch} failed: {_line(error)}"
                else:
                    raise
                break
            rates[batch] = batch / seconds
            recent = list(rates.values())[-3:]
            if len(recent) == 3 and max(recent[1:]) < recent[0] * (1 + _GROWTH):
                ended = "throughput no longer grew"
                break
            batch *= 2
        return {"samples_per_s": rates, "ended": ended, "no_memory": no_memory}

    def burst(
        self,
        batch: int,
        calls: int | None,
        first: int,
        gap_s: float = 0.0,
        boundary: str = END_TO_END,
        outputs: str | None = None,
    ) -> Answer:
        """Time calls on successive batches, after an untimed one that fills the caches again.

        Args:
            batch: samples a call.
            calls: how many; None for a pass over all samples, the last batch as it comes.
            first: number of the first batch; they go round.
            gap_s: pause before each call.
            boundary: "end_to_end" or "device_resident".
            outputs: folder for the outputs of the last call.
        """
        batches = self._batches(batch)
        numbers = range(len(batches)) if calls is None else range(first, first + calls)
        inputs = [batches[i] if calls is None else batches.full(i) for i in numbers]
        counts = [batches.samples(i) if calls is None else self._full(batch) for i in numbers]
        # A last batch of another size is compiled apart by some runtimes.
        for part in dict(zip(reversed(counts), reversed(inputs), strict=True)).values():
            call = self._caller(boundary, part)
            call()
        seconds: list[float] = []
        cpu = time.process_time_ns()
        for part in inputs:
            call = self._caller(boundary, part)
            if gap_s:
                time.sleep(gap_s)
            seconds.append(call())
        cpu_s = (time.process_time_ns() - cpu) / 1e9
        answer = {
            "seconds": seconds,
            "cpu_s": cpu_s,
            "samples": sum(counts),
            "untimed_samples": sum(set(counts)),
        }
        if outputs:
            last = counts[-1]
            self._save(Path(outputs), [call.fetch()], [last])
            answer["rows"] = batches.rows(numbers[-1])[:last].tolist()
        return answer

    def overhead(self, batch: int, rounds: int, burst_s: float) -> Answer:
        """Seconds of a call as the harness reports it, and in a loop of raw calls, in turn.

        Both call on the same batches, one after the other.
        """
        batches = self._batches(batch)
        call_s = statistics.median(self._timed(batches.full(0))[0] for _ in range(_CHECKED_CALLS))
        calls = max(2, round(burst_s / call_s))
        raw_calls = [self.model.raw_call(batches.full(i)) for i in range(calls)]
        harness_s: list[float] = []
        raw_s: list[float] = []
        for _ in range(rounds):
            harness_s.append(statistics.fmean(self.burst(batch, calls, 0)["seconds"]))
            raw_calls[0]()
            begin = time.perf_counter_ns()
            for call in raw_calls:
                call()
            raw_s.append((time.perf_counter_ns() - begin) / 1e9 / calls)
        return {"harness_s": harness_s, "raw_s": raw_s, "calls": calls}

    def footprint(self) -> Answer:
        """Bytes that are installed for the runtime, with what it needs and, on cuda, has loaded.

        Returns:
            `bytes`, and by distribution; the versions of CUDA's libraries that are loaded.
        """
        # After the measurement, so that what it imports is not in the runtime's memory.
        try:
            from ..system.footprint import installed_bytes
            from ..system.mapped_libraries import cuda_versions, mapped, of_cuda
        except ImportError:  # another interpreter need not have what that takes
            return {"bytes": None, "distributions": {}, "cuda": {}}

        libraries = mapped() if self.spec["device"] == "cuda" else []
        found = installed_bytes(self.runtime.distributions, libraries)
        return {
            "bytes": sum(found.values()),
            "distributions": found,
            "cuda": cuda_versions(of_cuda(libraries)),
        }

    def _batches(self, batch: int, samples: int | None = None, skip: int = 0) -> Batcher:
        rows = slice(skip, None if samples is None else skip + samples)
        arrays = {
            name: array if name in self._broadcast else array[rows]
            for name, array in self._inputs.items()
        }
        return Batcher(arrays, batch, self._broadcast)

    def _full(self, batch: int) -> int:
        """Samples in a full batch."""
        return batch if self._inputs.keys() - self._broadcast else 1

    def _timed(self, inputs: Arrays) -> tuple[float, Arrays]:
        begin = time.perf_counter_ns()
        outputs = self.model.run(inputs)
        return (time.perf_counter_ns() - begin) / 1e9, outputs

    def _caller(self, boundary: str, inputs: Arrays) -> _Caller:
        return _Caller(self.model, inputs, resident=boundary == DEVICE_RESIDENT)

    def _save(self, folder: Path, kept: list[Arrays], samples: list[int]) -> None:
        try:
            write_outputs(folder, kept, samples)
        except OSError as error:
            raise StorageError(f"{folder}: outputs cannot be written ({error})") from None
        except UnevenError as error:
            raise Failure(Outcome.UNSUPPORTED, str(error)) from None


class _Caller:
    """Calls the model on the same inputs again and again, timed within one boundary."""

    def __init__(self, model: Model, inputs: Arrays, *, resident: bool) -> None:
        self._model = model
        self._resident = resident
        self._inputs = model.stage(inputs) if resident else inputs
        self._result: Any = None

    def __call__(self) -> float:
        """Seconds of a call."""
        return self._on_device() if self._resident else self._from_host()

    def _from_host(self) -> float:
        begin = time.perf_counter_ns()
        self._result = self._model.run(self._inputs)
        return (time.perf_counter_ns() - begin) / 1e9

    def _on_device(self) -> float:
        begin = time.perf_counter_ns()
        self._result = self._model.run_staged(self._inputs)
        self._model.sync(self._result)
        return (time.perf_counter_ns() - begin) / 1e9

    def fetch(self) -> Arrays:
        """The outputs of the last call."""
        return self._model.fetch(self._result) if self._resident else self._result


def main(started_ns: int, isolation: dict[str, str | None]) -> None:
    """Answer commands until the standard input ends.

    Args:
        started_ns: when the interpreter began with our code.
        isolation: what `infer.sandbox.isolation.isolate` came to.
    """
    _die_with_parent()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        command = json.loads(line)
        action = command.pop("do")
        try:
            if action == "start":
                worker = Worker(command, started_ns, isolation)
                answer = worker.import_runtime()
            else:
                answer = getattr(worker, action)(**command)
        except Failure as failure:
            answer = {"outcome": failure.outcome, "reason": failure.reason}
            traceback.print_exc()
        except StorageError as error:
            answer = {"storage": _line(error)}
        except NotImplementedError as error:
            answer = {"outcome": Outcome.UNSUPPORTED, "reason": _line(error)}
        except Exception as error:
            traceback.print_exc()
            answer = {"outcome": _classify_error(error, Outcome.CRASH), "reason": _line(error)}
        answers.write(json.dumps(answer) + "\n")


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())


def _classify_error(error: Exception, otherwise: Outcome) -> Outcome:
    return Outcome.OUT_OF_MEMORY if is_out_of_memory(error) else otherwise


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


def _memory(entry: str) -> int | None:
    """Memory of this process in bytes: "VmRSS" now, "VmHWM" at its highest.

    Not `getrusage`, whose peak counts what the controller held when it started this process.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == entry:
            return int(value.split()[0]) * 1024
    return None


def _die_with_parent() -> None:
    """Have Linux end this process when the controller ends, however that happens."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)
