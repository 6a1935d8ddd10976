"""Adapters for models that do not accept batches of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..runtimes.base import Arrays, Model
from ..tensors.size_limits import SizeLimits


class LimitedBatchModel(Model):
    """Adapts a model that takes only some numbers of samples: larger batches become several calls.

    The last call is filled with samples from the start of the batch, whose outputs are dropped.

    Args:
        model: model to adapt.
        limits: numbers of samples that it takes in a call.
        broadcast: names of inputs that are the same in every call.
    """

    def __init__(self, model: Model, limits: SizeLimits, broadcast: frozenset[str]) -> None:
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

    def _parts(self, inputs: Arrays) -> tuple[list[Arrays], int]:
        count = next(len(array) for name, array in inputs.items() if name not in self._broadcast)
        if self.limits.allows(count):
            return [inputs], count
        parts = []
        start = 0
        for size in self.call_sizes(count):
            rows: Any = slice(start, start + size)
            if start + size > count:
                rows = (start + np.arange(size)) % count
            start += size
            parts.append(
                {
                    name: array if name in self._broadcast else array[rows]
                    for name, array in inputs.items()
                }
            )
        return parts, count

    def _joined(self, parts: Sequence[Arrays], count: int) -> Arrays:
        sizes = self.call_sizes(count)
        if sizes == [count]:
            return parts[0]
        return {
            name: np.concatenate([part[name] for part in parts])[:count]
            if all(
                np.ndim(part[name]) and len(part[name]) == size
                for part, size in zip(parts, sizes, strict=True)
            )
            else np.stack([part[name] for part in parts])
            for name in parts[0]
        }

    def run(self, inputs: Arrays) -> Arrays:
        """Run call after call; return the outputs of the requested samples."""
        parts, count = self._parts(inputs)
        return self._joined([self.model.run(part) for part in parts], count)

    def stage(self, inputs: Arrays) -> tuple[list[Any], int]:
        """Move the inputs of every call to the device."""
        parts, count = self._parts(inputs)
        return [self.model.stage(part) for part in parts], count

    def run_staged(self, staged: tuple[list[Any], int]) -> tuple[list[Any], int]:
        """Run every call."""
        parts, count = staged
        return [self.model.run_staged(part) for part in parts], count

    def enqueue(self, staged: tuple[list[Any], int]) -> tuple[list[Any], int]:
        """Enqueue every call."""
        parts, count = staged
        return [self.model.enqueue(part) for part in parts], count

    def event_seconds(self, staged: tuple[list[Any], int]) -> float | None:
        """The time of all calls by the device's events."""
        seconds = [self.model.event_seconds(part) for part in staged[0]]
        return None if None in seconds else sum(filter(None, seconds))

    def sync(self, result: tuple[list[Any], int]) -> None:
        """Wait for all calls."""
        for part in result[0]:
            self.model.sync(part)

    def fetch(self, result: tuple[list[Any], int]) -> Arrays:
        """Bring the outputs of all calls to the host."""
        parts, count = result
        return self._joined([self.model.fetch(part) for part in parts], count)

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """Return the shortest code for the same calls."""
        calls = [self.model.raw_call(part) for part in self._parts(inputs)[0]]
        return lambda: [call() for call in calls]

    def placement(self) -> dict[str, Any]:
        """As the model says."""
        return self.model.placement()


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
