"""A model in the worker: as it was loaded, and with the inputs that it is called with."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..inputs.batching import Batcher
from ..inputs.fitting import fit_inputs
from ..inputs.options import InputOptions
from ..outcome import Failure, Outcome
from ..runtimes.base import Arrays, Model, Options, RuntimeModule
from ..sandbox.isolation import HOME
from ..workload import DEVICE_RESIDENT
from .classify import classify_error, one_line
from .messages import Inputs, Start
from .model_adapters import FixedBatchModel, UnbatchedModel
from .responses import InputsResponse, LoadResponse


@dataclass(frozen=True)
class LoadedModel:
    """A model as its runtime loaded it.

    Attributes:
        model: what the runtime made of the artifact.
        stated: the signature of the manifest, where there is one.
        seconds: that loading took.
    """

    model: Model
    stated: dict[str, Any] | None = None
    seconds: float = 0.0

    def describe(self) -> LoadResponse:
        """The answer to `Load`."""
        signature: Any = asdict(self.model.signature)
        return {
            "seconds": self.seconds,
            "signature": signature,
            "notes": list(self.model.notes),
        }

    def gpu_peak_bytes(self) -> int | None:
        """The most that the runtime has held on the card; None if it does not count.

        Without the context of CUDA, and what its libraries keep for themselves.
        """
        try:
            return self.model.gpu_peak_bytes()
        except Exception:  # nothing that is measured needs it
            return None


def load_model(module: RuntimeModule, start: Start) -> LoadedModel:
    """Load an artifact.

    Raises:
        Failure: the runtime refuses it.
        NotImplementedError: the runtime cannot take it.
        MemoryError: memory was short.
    """
    options = Options(
        device=start.device,
        threads=start.threads,
        manifest=start.manifest,
        untuned=start.untuned,
        settings=start.settings,
        signature=start.signature,
        tf32=start.tf32,
        scratch=Path.cwd() / HOME,
    )
    begin = time.perf_counter_ns()
    try:
        model = module.load(Path(start.payload), options)
        seconds = (time.perf_counter_ns() - begin) / 1e9
        model.settle()
    except (MemoryError, NotImplementedError, Failure):
        raise
    except Exception as error:
        raise Failure(classify_error(error, Outcome.LOAD_ERROR), one_line(error)) from error
    return LoadedModel(model, start.manifest.get("signature"), seconds)


@dataclass
class PreparedModel:
    """A model with the inputs that it is called with.

    Attributes:
        model: as it is called (model_adapters.py).
        arrays: the inputs, by name.
        broadcast: names of inputs that every call gets as they are.
        state_bindings: outputs by the input that takes them in the next call.
        first_batch, first_outputs: of the first call, before another could change a state.
    """

    model: Model
    arrays: Arrays
    broadcast: frozenset[str] = frozenset()
    state_bindings: dict[str, str] = field(default_factory=dict)
    first_batch: int | None = None
    first_outputs: Arrays | None = None

    def batches(self, batch: int, samples: int | None = None, skip: int = 0) -> Batcher:
        """The inputs in batches of so many samples.

        Args:
            batch: samples in each.
            samples: number of samples; None for all.
            skip: samples that are left out before these.
        """
        rows = slice(skip, None if samples is None else skip + samples)
        arrays = {
            name: array if name in self.broadcast else array[rows]
            for name, array in self.arrays.items()
        }
        return Batcher(arrays, batch, self.broadcast)

    def samples_of_full(self, batch: int) -> int:
        """Samples in a full batch; 1 where no input has samples."""
        return batch if self.arrays.keys() - self.broadcast else 1

    def timed(self, inputs: Arrays) -> tuple[float, Arrays]:
        """Seconds and outputs of a call from host arrays to host arrays."""
        begin = time.perf_counter_ns()
        outputs = self.model.run(inputs)
        return (time.perf_counter_ns() - begin) / 1e9, outputs

    def caller(self, boundary: str, inputs: Arrays) -> TimedCaller:
        """What calls the model on these inputs, timed within a boundary."""
        return TimedCaller(self.model, inputs, resident=boundary == DEVICE_RESIDENT)


def prepare_model(loaded: LoadedModel, request: Inputs) -> tuple[PreparedModel, InputsResponse]:
    """Read the inputs and fit them to the signature.

    Raises:
        Failure: they do not fit.
    """
    options = InputOptions.from_dict(request.options)
    try:
        fitted = fit_inputs(
            Path(request.path),
            loaded.model.signature,
            loaded.stated,
            options,
            request.label or "the artifact",
            names_file=request.names_file,
        )
    except InputError as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    has_samples = bool(fitted.arrays.keys() - fitted.broadcast)
    model, only_batch = loaded.model, None
    if fitted.state_bindings and has_samples:
        only_batch = fitted.fixed_batch or 1  # a step of the sequence a call
    elif not has_samples:
        model, only_batch = UnbatchedModel(model), 1
    elif fitted.fixed_batch:
        model = FixedBatchModel(model, fitted.fixed_batch, fitted.broadcast)
    prepared = PreparedModel(model, fitted.arrays, fitted.broadcast, fitted.state_bindings)
    specs: Any = [asdict(spec) for spec in fitted.signature.inputs]
    return prepared, {
        "samples": fitted.samples,
        "notes": fitted.notes,
        "fixed": fitted.fixed_batch,
        "only_batch": only_batch,
        "has_state_bindings": bool(fitted.state_bindings),
        "inputs": specs,
    }


class TimedCaller:
    """Calls a model on the same inputs again and again, timed within one boundary."""

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


def copied(outputs: Arrays) -> Arrays:
    """Copies of outputs, which the next call may change."""
    return {name: np.array(array) for name, array in outputs.items()}
