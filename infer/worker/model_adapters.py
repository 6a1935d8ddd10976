"""Adapters for models that do not accept batches of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..inputs.batching import FIRST_AXES, count_samples, select_samples
from ..runtimes.base import Arrays, Model
from ..tensors.outputs import CallSamples
from ..tensors.size_limits import SizeLimits


class LimitedBatchModel(Model):
    """Adapts a model that takes only some numbers of samples: larger batches become several calls.

    The last call is filled with samples from the start of the batch. What a batch gives is the
    outputs of its last call: `calls` has those of all.

    Args:
        model: model to adapt.
        limits: numbers of samples that it takes in a call.
        broadcast: names of inputs that are the same in every call.
        axes: axis of the samples by input, where it is not the first.
    """

    def __init__(
        self,
        model: Model,
        limits: SizeLimits,
        broadcast: frozenset[str],
        axes: Mapping[str, int] = FIRST_AXES,
    ) -> None:
        self._axes = axes
        self.model = model
        self.limits = limits
        self._broadcast = broadcast
        self.signature = model.signature
        self.can_enqueue = model.can_enqueue

    def call_sizes(self, count: int) -> list[int]:
        """The numbers of samples of the calls for a number of samples; the last may be filled."""
        if self.limits.allows(count):
            return [count]
        sizes: list[int] = []
        while (left := count - sum(sizes)) > 0:
            sizes.append(self.limits.size_for(left))
        return sizes

    def calls(self, count: int) -> list[CallSamples]:
        """The calls for a batch; rows are places in the batch."""
        calls = []
        start = 0
        for size in self.call_sizes(count):
            rows = tuple((start + place) % count for place in range(size))
            calls.append(CallSamples(rows, min(size, count - start)))
            start += size
        return calls

    def parts(self, inputs: Arrays) -> list[Arrays]:
        """Cut the inputs of a batch into those of its calls."""
        count = count_samples(inputs, self._broadcast, self._axes)
        if self.limits.allows(count):
            return [inputs]
        return [
            select_samples(inputs, _places(call), self._broadcast, self._axes)
            for call in self.calls(count)
        ]

    def run(self, inputs: Arrays) -> Arrays:
        """Run call after call; return the outputs of the last."""
        return [self.model.run(part) for part in self.parts(inputs)][-1]

    def stage(self, inputs: Arrays) -> list[Any]:
        """Move the inputs of every call to the device."""
        return [self.model.stage(part) for part in self.parts(inputs)]

    def run_staged(self, staged: list[Any]) -> list[Any]:
        """Run every call."""
        return [self.model.run_staged(part) for part in staged]

    def enqueue(self, staged: list[Any]) -> list[Any]:
        """Enqueue every call."""
        return [self.model.enqueue(part) for part in staged]

    def event_seconds(self, staged: list[Any]) -> float | None:
        """The time of all calls by the device's events."""
        seconds = [self.model.event_seconds(part) for part in staged]
        return None if None in seconds else sum(filter(None, seconds))

    def sync(self, result: list[Any]) -> None:
        """Wait for all calls."""
        for part in result:
            self.model.sync(part)

    def fetch(self, result: list[Any]) -> Arrays:
        """Bring the outputs of all calls to the host; return those of the last."""
        return [self.model.fetch(part) for part in result][-1]

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """Return the shortest code for the same calls."""
        calls = [self.model.raw_call(part) for part in self.parts(inputs)]
        return lambda: [call() for call in calls]

    def placement(self) -> dict[str, Any]:
        """As the model says."""
        return self.model.placement()


def _places(call: CallSamples) -> Any:
    """The places of a call's samples in the batch; a slice copies nothing."""
    if call.samples == len(call.rows):
        return slice(call.rows[0], call.rows[-1] + 1)
    return list(call.rows)


class UnbatchedModel(Model):
    """Adapts a model whose inputs have no samples: a call is one sample, its outputs one row."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.signature = model.signature
        self.can_enqueue = model.can_enqueue

    def run(self, inputs: Arrays) -> Arrays:
        """The outputs, as the row of the one sample."""
        return _rows(self._model.run(inputs))

    def fetch(self, result: Any) -> Arrays:
        """The outputs, as the row of the one sample."""
        return _rows(self._model.fetch(result))

    def stage(self, inputs: Arrays) -> Any:
        """As the model does."""
        return self._model.stage(inputs)

    def run_staged(self, staged: Any) -> Any:
        """As the model does."""
        return self._model.run_staged(staged)

    def enqueue(self, staged: Any) -> Any:
        """As the model does."""
        return self._model.enqueue(staged)

    def event_seconds(self, staged: Any) -> float | None:
        """As the model does."""
        return self._model.event_seconds(staged)

    def sync(self, result: Any) -> None:
        """As the model does."""
        self._model.sync(result)

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """As the model does."""
        return self._model.raw_call(inputs)

    def placement(self) -> dict[str, Any]:
        """As the model says."""
        return self._model.placement()


def _rows(outputs: Arrays) -> Arrays:
    return {name: np.asarray(array)[None] for name, array in outputs.items()}


def next_state(outputs: Arrays, state_bindings: Mapping[str, str], inputs: Arrays) -> Arrays:
    """Set the state in the inputs of a call from the outputs of the previous call.

    Args:
        outputs: outputs of the previous call.
        state_bindings: output by the input that takes it.
        inputs: inputs of this call.

    Raises:
        ValueError: a state differs in shape or type from the input that takes it.
    """
    state = {name: outputs[output] for name, output in state_bindings.items()}
    for name, array in state.items():
        wanted = inputs[name]
        if array.shape != wanted.shape or array.dtype != wanted.dtype:
            raise ValueError(
                f"'{state_bindings[name]}' is {array.dtype} {array.shape}, '{name}' takes "
                f"{wanted.dtype} {wanted.shape}: it cannot be looped"
            )
    return inputs | state
