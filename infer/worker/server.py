"""The worker's main loop: a process for one artifact, with exactly one runtime.

It reads requests as JSON lines from its standard input and answers each with one JSON line on its
original standard output (messages.py); the runtime's prints go to standard error. Arrays are passed
as `.npy` and `.npz` files, never as pickles.
"""

from __future__ import annotations

import faulthandler
import importlib.metadata
import importlib.util
import os
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from ..best_effort import best_effort
from ..errors import InputError
from ..outcome import Failure, Outcome
from ..runtimes.base import RuntimeModule, runtime_module
from ..runtimes.registry import RUNTIMES, Runtime, runtimes_for
from . import finished_calls, predicting, responses, timing
from . import messages as m
from .batch_probe import batch_probe
from .batch_search import find_batch
from .bytecode import uncompiled
from .call_again import call_again
from .device_time import device_times
from .error_outcome import failure_of
from .error_text import one_line
from .loading import LoadedModel, load_model
from .message_codec import (
    MessageError,
    StorageError,
    decode_request,
    encode_failure,
    encode_response,
    encode_storage_error,
)
from .passed_calls import bytes_of
from .prepared_model import PreparedModel, prepare_model
from .process_resources import PeakMemory, peak_resident_bytes, use_cores
from .profile import profile
from .range_search import find_ranges
from .repeating import repeat


class Worker:
    """Answers requests, and keeps runtime, model and inputs between them."""

    def __init__(
        self, start: m.Start, started_ns: int, isolation: Mapping[str, str | None]
    ) -> None:
        self._start = start
        self._started_ns = started_ns
        self._isolation = dict(isolation)
        # Only the controller looks for plug-ins.
        self._runtime = (
            Runtime.from_dict(start.external)
            if start.external
            else RUNTIMES[start.runtime or runtimes_for(start.format)[0]]
        )
        self._memory = PeakMemory()
        self._bare_bytes = self._memory.bytes
        self._module: RuntimeModule | None = None
        self._loaded: LoadedModel | None = None
        self._prepared: PreparedModel | None = None

    @property
    def module(self) -> RuntimeModule:
        """The runtime's module."""
        if self._module is None:
            raise Failure(Outcome.UNSUPPORTED, "asked before its runtime was imported")
        return self._module

    @property
    def loaded(self) -> LoadedModel:
        """The loaded model."""
        if self._loaded is None:
            raise Failure(Outcome.LOAD_ERROR, "asked to run before it was loaded")
        return self._loaded

    @property
    def prepared(self) -> PreparedModel:
        """The model with its inputs."""
        if self._prepared is None:
            assert self.loaded
            raise Failure(Outcome.BAD_INPUT, "asked to run before its inputs were read")
        return self._prepared

    def answer(self, request: m.Request[Any]) -> Any:
        """Carry out a request and return the response.

        Raises:
            Failure, NotImplementedError, or whatever the runtime raises: the artifact failed.
            StorageError: outputs cannot be written.
        """
        self._look_at_memory()
        match request:
            case m.Start():
                return self._import_runtime()
            case m.Uncompiled():
                return {"modules": uncompiled()}
            case m.Devices():
                return {"devices": self.module.devices()}
            case m.HasCuda():
                return {"problem": self.module.has_cuda()}
            case m.GpuPeak():
                return {"bytes": self._loaded.gpu_peak_bytes() if self._loaded else None}
            case m.Load():
                self._prepared = None
                self._loaded = load_model(self.module, self._start, profiled=request.profiled)
                return self._loaded.describe()
            case m.Inputs():
                self._prepared, response = prepare_model(self.loaded, request)
                return response
            case m.Call():
                return predicting.call_once(self.loaded.model, request)
            case m.FirstCall():
                return predicting.first_call(self.prepared, request)
            case m.Repeat():
                return repeat(self.prepared, request)
            case m.BatchProbe():
                return batch_probe(self.prepared, request)
            case m.CallAgain():
                return call_again(self.prepared, request)
            case m.Check():
                return finished_calls.check(self.prepared, request)
            case m.WarmUp():
                return timing.warm_up(self.prepared, request)
            case m.DeviceTime():
                return self._device_time(request)
            case m.Predict():
                return self._predict(request)
            case m.FindBatch():
                return find_batch(self.prepared, request)
            case m.FindRanges():
                return find_ranges(self.prepared, request)
            case m.Sweep():
                return timing.sweep(self.prepared, self._start.device, request)
            case m.Burst():
                return timing.burst(self.prepared, request)
            case m.Overhead():
                return timing.overhead(self.prepared, request)
            case m.Profile():
                return profile(self.loaded.model, self.prepared, request)
            case m.Footprint():
                return self._footprint()
        raise MessageError(f"nothing here answers '{request.action}'")

    def _import_runtime(self) -> responses.StartResponse:
        start, runtime = self._start, self._runtime
        use_cores(start.threads)
        package = runtime.package
        if package and importlib.util.find_spec(package) is None:
            where, what = "", runtime.install
            if start.interpreter is not None:  # this project may not be installed in it
                where = f" in {start.interpreter}"
                what = f"{sys.executable} -m pip install {runtime.distributions[0]}"
            raise Failure(Outcome.UNSUPPORTED, f"{package} is not installed{where}: {what}")
        if start.device not in runtime.devices:
            raise Failure(
                Outcome.UNSUPPORTED,
                f"{package} runs on {' and '.join(runtime.devices)} here: use --device "
                f"{runtime.devices[0]}",
            )
        self._module = runtime_module(runtime.load())
        return {
            "seconds": (time.perf_counter_ns() - self._started_ns) / 1e9,
            "versions": {
                name: version
                for name in runtime.distributions
                if (version := _version(name)) is not None
            },
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "isolation": self._isolation,
        }

    def _device_time(self, request: m.DeviceTime) -> responses.DeviceTimeResponse:
        prepared = self.prepared
        times = device_times(
            prepared.model, request.batches, lambda batch: prepared.batches(batch).full(0)
        )
        return {
            "batches": {str(batch): measured for batch, measured in times["batches"].items()},
            "returns_early": times["returns_early"],
            "failed": times["failed"],
        }

    def _predict(self, request: m.Predict) -> responses.PredictResponse:
        seconds, samples = predicting.predict(self.prepared, request)
        independent = self.prepared.independent
        return {
            "seconds": seconds,
            "samples": samples,
            "placement": predicting.placement_of(self.prepared.model),
            # An entry that is None is a module whose import a runtime has blocked.
            "frameworks": sorted(
                {
                    runtime.package
                    for runtime in (*RUNTIMES.values(), self._runtime)
                    if runtime.package and sys.modules.get(runtime.package) is not None
                }
            ),
            "peak_rss_bytes": peak_resident_bytes(),
            "peak_bytes": self._look_at_memory(),
            "bare_bytes": self._bare_bytes,
            "reset": independent.describe() if independent else None,
        }

    def _look_at_memory(self) -> int | None:
        """The peak until now, without the calls that are kept to be repeated."""
        kept = self._prepared.passed if self._prepared else []
        return self._memory.look(besides=sum(map(bytes_of, kept)))

    def _footprint(self) -> responses.FootprintResponse:
        """Count the installed bytes of the runtime, its requirements and CUDA's libraries."""

        def count() -> responses.FootprintResponse:
            # Imported after the measurement, so that it does not count as the runtime's memory.
            from ..system.installed_size import installed_bytes
            from ..system.mapped_libraries import cuda_versions, mapped, of_cuda

            libraries = mapped() if self._start.device == "cuda" else []
            distributions = installed_bytes(self._runtime.distributions, libraries)
            return {
                "bytes": sum(distributions.values()),
                "distributions": distributions,
                "cuda": cuda_versions(of_cuda(libraries)),
            }

        # Another interpreter may lack the required packages, and any package may be damaged.
        nothing: responses.FootprintResponse = {"bytes": None, "distributions": {}, "cuda": {}}
        return best_effort(count, nothing, traceback.print_exception)


def main(started_ns: int, isolation: Mapping[str, str | None]) -> None:
    """Answer requests until the standard input ends.

    Args:
        started_ns: time at which the interpreter began to run our code.
        isolation: the result of `infer.sandbox.isolation.isolate`.
    """
    faulthandler.enable()  # the log then says where a process was that a signal ended
    answers = os.dup(1)
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        try:
            request = decode_request(line)
            if isinstance(request, m.Start):
                worker = Worker(request, started_ns, isolation)
            if worker is None:
                raise MessageError(f"'{request.action}' before 'start'")
            answer = encode_response(request, worker.answer(request))
        except Failure as failure:
            traceback.print_exc()
            answer = encode_failure(failure)
        except StorageError as error:
            answer = encode_storage_error(one_line(error))
        except NotImplementedError as error:
            traceback.print_exc()
            answer = encode_failure(failure_of(error, Outcome.UNSUPPORTED))
        except InputError as error:  # of values that are looked at when samples are taken
            answer = encode_failure(Failure(Outcome.BAD_INPUT, str(error)))
        except Exception as error:
            traceback.print_exc()
            answer = encode_failure(failure_of(error, Outcome.CRASH))
        while answer:
            answer = answer[os.write(answers, answer) :]


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
