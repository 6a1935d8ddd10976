"""Repeat the calls of a pass in another order: a model without state gives the same outputs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..inputs.lazy_array import LazyArray
from ..runtimes.base import Arrays
from ..tensors.differences import differences
from ..tensors.dtypes import epsilon_of, kind_of, widened
from .messages import Repeat
from .passed_calls import PassedCall
from .prepared_model import PreparedModel
from .responses import RepeatResponse
from .state_guess import possible_loops

# Seconds after which no further call is repeated but the first of the pass.
_LIMIT_S = 0.5
# Rounding errors of sums in another order, in steps of the type, as in parity/tolerance.py.
_ROUNDINGS = 1000


def repeat(prepared: PreparedModel, request: Repeat) -> RepeatResponse:
    """Repeat calls of the pass, the last first, and compare the outputs.

    Each call then comes after other calls than in the pass. The calls are those of the runtime, of
    which a batch may need several.
    """
    calls, prepared.passed = prepared.passed, []
    repeated = _Repeated(prepared.sample_axes)
    begin = time.perf_counter()
    for index in reversed(range(len(calls))):
        if index and repeated.calls and time.perf_counter() - begin > _LIMIT_S:
            continue
        repeated.add(calls[index], prepared.own_model.run(prepared.inputs_of(calls[index])))
    return repeated.response(_possible_loops(calls, prepared))


def _possible_loops(calls: Sequence[PassedCall], prepared: PreparedModel) -> list[str]:
    """Outputs that may be the next value of an input that was left constant."""
    if not calls:
        return []
    constant = [
        name
        for name, array in prepared.arrays.items()
        if name in prepared.broadcast or _repeats_one_sample(array)
    ]
    call = calls[0]
    return possible_loops(prepared.inputs_of(call), call.outputs, constant, prepared.state_bindings)


def _repeats_one_sample(array: np.ndarray | LazyArray) -> bool:
    lazy = array if isinstance(array, LazyArray) else LazyArray.of(array)
    return lazy.repeats_one_sample()


@dataclass
class _Repeated:
    """What repeated calls have shown so far; see `RepeatResponse`.

    Attributes:
        axes: the axis of the samples by output, where it is known.
    """

    axes: Mapping[str, int]
    calls: int = 0
    samples: int = 0
    changed_samples: int = 0
    changed_labels: int | None = None

    def __post_init__(self) -> None:
        self.differences: dict[str, float | None] = {}

    def add(self, call: PassedCall, again: Arrays) -> None:
        """Compare the outputs of a repeated call with those of the pass."""
        changed = np.zeros(call.samples.samples, bool)
        labels: np.ndarray | None = None
        for name, before in call.outputs.items():
            now = np.asarray(again[name]) if name in again else None
            if now is None or now.shape != before.shape:
                self.differences[name] = None
                changed[:] = True
                continue
            apart = differences(now, before)
            largest = float(apart.max(initial=0.0))
            known = self.differences.get(name, 0.0)
            self.differences[name] = (
                max(largest, known) if known is not None and np.isfinite(largest) else None
            )
            beyond = ~(apart <= _rounding(before))
            axis = self.axes.get(name, 0 if len(call.samples.rows) == 1 else None)
            if axis is None or before.shape[axis : axis + 1] != (len(call.samples.rows),):
                changed |= beyond.any()
                continue
            beyond, before, now = (
                np.moveaxis(values, axis, 0)[: call.samples.samples]
                for values in (beyond, before, now)
            )
            changed |= beyond.any(axis=tuple(range(1, before.ndim)))
            is_scores = before.ndim == 2 and before.shape[1] > 1
            if labels is None and is_scores and kind_of(before.dtype) in ("float", "int"):
                labels = now.argmax(axis=1) != before.argmax(axis=1)
        self.calls += 1
        self.samples += call.samples.samples
        self.changed_samples += int(changed.sum())
        if labels is not None:
            self.changed_labels = (self.changed_labels or 0) + int((labels & changed).sum())

    def response(self, possible_loops: list[str]) -> RepeatResponse:
        """The answer to `Repeat`."""
        return {
            "differences": self.differences,
            "calls": self.calls,
            "samples": self.samples,
            "changed_samples": self.changed_samples,
            "changed_labels": self.changed_labels,
            "possible_loops": possible_loops,
        }


def _rounding(array: np.ndarray) -> float:
    """By how much sums in another order may change values of an output."""
    if kind_of(array.dtype) not in ("float", "complex"):
        return 0.0
    values = np.abs(widened(array))
    scale = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    return _ROUNDINGS * epsilon_of(array.dtype) * scale
