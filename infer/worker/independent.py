"""Adapter for calls that are independent: each begins from the state after loading."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..runtimes.base import STATELESS, Arrays, Model
from .responses import ResetResponse


@dataclass
class _Staged:
    """Inputs on the device, and the same on the host, for a model that is loaded again."""

    inputs: Arrays
    handle: Any


class IndependentModel(Model):
    """Adapts a model so that no call depends on those before it.

    Before each call its state is reset or, where the runtime cannot do that, it is loaded again.
    Both are part of the time of the call.

    Args:
        model: a model that was loaded and not called yet.
        load: loads the model again.
    """

    def __init__(self, model: Model, load: Callable[[], Model]) -> None:
        self._model = model
        self._load = load
        self._reset = model.state_reset()
        self._seconds = 0.0
        self._count = 0
        self.signature = model.signature
        self.notes = model.notes
        self.optional = model.optional
        self.can_enqueue = model.can_enqueue and self._reset is not None

    def describe(self) -> ResetResponse:
        """How calls are made independent, and the mean of the seconds that it took."""
        how = "load" if self._reset is None else "reset"
        if self._reset is STATELESS:
            how = "nothing"
        return {"how": how, "seconds": self._seconds / max(1, self._count)}

    def _renew(self) -> bool:
        """Return to the state after loading; tell whether the model was loaded again."""
        begin = time.perf_counter_ns()
        if self._reset is not None:
            self._reset()
        else:
            del self._model  # its memory may be needed
            self._model = self._load()
        self._seconds += (time.perf_counter_ns() - begin) / 1e9
        self._count += 1
        return self._reset is None

    def run(self, inputs: Arrays) -> Arrays:
        """Reset, and run."""
        self._renew()
        return self._model.run(inputs)

    def stage(self, inputs: Arrays) -> _Staged:
        """Move the inputs to the device."""
        return _Staged(inputs, self._model.stage(inputs))

    def run_staged(self, staged: _Staged) -> Any:
        """Reset, and run; if the model is loaded again, the inputs are moved again too."""
        if self._renew():
            staged.handle = self._model.stage(staged.inputs)
        return self._model.run_staged(staged.handle)

    def enqueue(self, staged: _Staged) -> Any:
        """Reset, and enqueue."""
        self._renew()
        return self._model.enqueue(staged.handle)

    def event_seconds(self, staged: _Staged) -> float | None:
        """The time of a call by the device's events, after a reset."""
        if self._renew():
            staged.handle = self._model.stage(staged.inputs)
        return self._model.event_seconds(staged.handle)

    def sync(self, result: Any) -> None:
        """As the model does."""
        self._model.sync(result)

    def fetch(self, result: Any) -> Arrays:
        """As the model does."""
        return self._model.fetch(result)

    def raw_call(self, inputs: Arrays) -> Callable[[], object]:
        """There is no shorter way."""
        return lambda: self.run(inputs)

    def placement(self) -> dict[str, Any]:
        """As the model says."""
        return self._model.placement()
