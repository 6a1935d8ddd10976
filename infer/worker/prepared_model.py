"""A model in the worker, prepared with its inputs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..inputs.batching import Batcher, select_samples
from ..inputs.fitting import fit_inputs
from ..inputs.lazy_array import LazyArray
from ..inputs.options import InputOptions
from ..inputs.stored_types import StoredTypes
from ..outcome import Failure, Outcome
from ..runtimes.base import Arrays, Model
from ..tensors.outputs import CallSamples
from ..tensors.size_limits import ANY_SIZE, SizeLimits
from ..workload import DEVICE_RESIDENT
from .independent import IndependentModel
from .loading import LoadedModel
from .messages import Inputs
from .model_adapters import LimitedBatchModel, UnbatchedModel
from .passed_calls import PassedCall
from .responses import InputsResponse


@dataclass
class PreparedModel:
    """A model with the inputs that it is called with.

    Attributes:
        model: the model, adapted if necessary (model_adapters.py).
        arrays: the inputs, by name; what has samples may lie on disk.
        broadcast: names of inputs that every call gets unchanged.
        axes: axis of the samples by input, where it is not the first.
        state_bindings: outputs by the input that takes them in the next call.
        first_batch, first_outputs: samples of the first batch, and the outputs of each of its
            calls, before another call could change a state.
        sample_axes: the axis of the samples by output, where a second call has shown it.
        independent: the adapter that makes calls independent; None if they are not.
        passed: the model's own calls in the last pass over all samples.
    """

    model: Model
    arrays: Mapping[str, np.ndarray | LazyArray]
    broadcast: frozenset[str] = frozenset()
    state_bindings: dict[str, str] = field(default_factory=dict)
    first_batch: int | None = None
    first_outputs: list[Arrays] = field(default_factory=list)
    sample_axes: dict[str, int] = field(default_factory=dict)
    independent: IndependentModel | None = None
    axes: Mapping[str, int] = field(default_factory=dict)
    passed: list[PassedCall] = field(default_factory=list)

    def batches(self, batch: int, samples: int | None = None, skip: int = 0) -> Batcher:
        """Cut the inputs into batches.

        Args:
            batch: number of samples in each batch.
            samples: number of samples; None for all.
            skip: number of samples to skip first.
        """
        return Batcher(self.arrays, batch, self.broadcast, self.axes, skip, samples)

    def inputs_of(self, call: PassedCall) -> Arrays:
        """The inputs of a call of a pass, read again."""
        rows = np.asarray(call.samples.rows)
        return select_samples(self.arrays, rows, self.broadcast, self.axes) | call.states

    def samples_of_full(self, batch: int) -> int:
        """Number of samples in a full batch; 1 if no input has samples."""
        return batch if self.arrays.keys() - self.broadcast else 1

    def calls(self, rows: Sequence[int]) -> list[CallSamples]:
        """The model's own calls for a batch of samples: several if it takes only some numbers.

        Args:
            rows: numbers of the samples.
        """
        if not isinstance(self.model, LimitedBatchModel):
            return [CallSamples(tuple(rows), len(rows))]
        return [
            CallSamples(tuple(rows[place] for place in call.rows), call.samples)
            for call in self.model.calls(len(rows))
        ]

    @property
    def own_model(self) -> Model:
        """The model that takes the model's own calls."""
        return self.model.model if isinstance(self.model, LimitedBatchModel) else self.model

    def parts(self, inputs: Arrays) -> list[Arrays]:
        """Cut the inputs of a batch into those of the model's own calls."""
        return self.model.parts(inputs) if isinstance(self.model, LimitedBatchModel) else [inputs]

    def timed_calls(self, inputs: Arrays) -> tuple[float, list[Arrays]]:
        """Time a batch from host arrays to host arrays; return seconds and outputs of each call."""
        begin = time.perf_counter_ns()
        parts = self.parts(inputs)
        model = self.own_model
        # Only where another call follows may it overwrite the outputs.
        outputs = [copied(model.run(part)) for part in parts[:-1]] + [model.run(parts[-1])]
        return (time.perf_counter_ns() - begin) / 1e9, outputs

    def timed(self, inputs: Arrays) -> tuple[float, Arrays]:
        """Time a call from host arrays to host arrays; return seconds and outputs."""
        begin = time.perf_counter_ns()
        outputs = self.model.run(inputs)
        return (time.perf_counter_ns() - begin) / 1e9, outputs

    def caller(self, boundary: str, inputs: Arrays) -> TimedCaller:
        """Make a caller that times the model on these inputs within a boundary."""
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
            limits=loaded.model.size_limits,
            batch_limits=SizeLimits(**request.batch_limits) if request.batch_limits else ANY_SIZE,
            defaults=loaded.model.defaults,
            stored=StoredTypes(loaded.model.stored_types, loaded.model.raw_setting),
            stated_elsewhere=request.stated_elsewhere,
            file=request.file,
            names_file=request.names_file,
        )
    except InputError as error:
        raise Failure(Outcome.BAD_INPUT, str(error)) from None
    loaded.model.take(fitted.arrays)
    has_samples = bool(fitted.arrays.keys() - fitted.broadcast)
    independent = loaded.independent if options.independent else None
    model, only_batch = independent or loaded.model, None
    if fitted.state_bindings and has_samples:
        # A call is one step of the sequence.
        only_batch = fitted.batch_limits.smallest
    elif not has_samples:
        model, only_batch = UnbatchedModel(model), 1
    elif fitted.batch_limits != ANY_SIZE:
        model = LimitedBatchModel(model, fitted.batch_limits, fitted.broadcast, fitted.axes)
    prepared = PreparedModel(
        model,
        fitted.arrays,
        fitted.broadcast,
        fitted.state_bindings,
        independent=independent,
        axes=fitted.axes,
    )
    specs: Any = [asdict(spec) for spec in fitted.signature.inputs]
    return prepared, {
        "samples": fitted.samples,
        "notes": fitted.notes,
        "fixed": fitted.batch_limits.only,
        "only_batch": only_batch,
        "has_state_bindings": bool(fitted.state_bindings),
        "inputs": specs,
        "unused": fitted.unused,
    }


class TimedCaller:
    """Calls a model on the same inputs repeatedly, timed within one boundary."""

    def __init__(self, model: Model, inputs: Arrays, *, resident: bool) -> None:
        self._model = model
        self._resident = resident
        self._inputs = model.stage(inputs) if resident else inputs
        self._result: Any = None

    def __call__(self) -> float:
        """Call once; return the seconds."""
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
    """Copy outputs, since the next call may overwrite them."""
    return {name: np.array(array) for name, array in outputs.items()}
