"""Repeat the calls of a pass in another order: a model without state gives the same outputs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..runtimes.base import Arrays
from ..tensors.differences import differences
from ..tensors.dtypes import epsilon_of, kind_of, widened
from .messages import Repeat
from .model_adapters import LimitedBatchModel
from .prepared_model import PassedCall, PreparedModel
from .responses import RepeatResponse

# Seconds after which no further call is repeated but the first of the pass.
_LIMIT_S = 0.5
# Rounding errors of sums in another order, in steps of the type, as in parity/tolerance.py.
_ROUNDINGS = 1000


def repeat(prepared: PreparedModel, request: Repeat) -> RepeatResponse:
    """Repeat calls of the pass, the last first, and compare the outputs.

    Each call then comes after other calls than in the pass. Where a batch is several calls of the
    runtime, these are repeated one by one: within the batch each would come after the same calls as
    before, but for the first.
    """
    calls = list(_single_calls(prepared.passed, prepared))
    prepared.passed = []
    repeated = _Repeated()
    begin = time.perf_counter()
    for index in reversed(range(len(calls))):
        if index and repeated.calls and time.perf_counter() - begin > _LIMIT_S:
            continue
        repeated.add(calls[index], prepared.model.run(calls[index].inputs))
    return repeated.response()


def _single_calls(passed: Sequence[PassedCall], prepared: PreparedModel) -> Iterator[PassedCall]:
    """The calls of the runtime that a pass consisted of, as far as they were full."""
    model = prepared.model
    for call in passed:
        sizes = [call.samples]
        if isinstance(model, LimitedBatchModel):
            sizes = model.call_sizes(call.samples)
        if len(sizes) == 1:
            yield call
            continue
        for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
            if start + size > call.samples:  # the last call is filled with other samples
                break
            rows = slice(start, start + size)
            inputs = {
                name: array if name in prepared.broadcast else array[rows]
                for name, array in call.inputs.items()
            }
            outputs = {
                name: array[rows]
                for name, array in call.outputs.items()
                if array.ndim and len(array) == call.samples
            }
            yield PassedCall(inputs, outputs, size)


@dataclass
class _Repeated:
    """What repeated calls have shown so far; see `RepeatResponse`."""

    calls: int = 0
    samples: int = 0
    changed_samples: int = 0
    changed_labels: int | None = None

    def __post_init__(self) -> None:
        self.differences: dict[str, float | None] = {}

    def add(self, call: PassedCall, again: Arrays) -> None:
        """Compare the outputs of a repeated call with those of the pass."""
        changed = np.zeros(call.samples, bool)
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
            if not before.ndim or len(before) != call.samples:
                changed |= beyond.any()
                continue
            changed |= beyond.any(axis=tuple(range(1, before.ndim)))
            is_scores = before.ndim == 2 and before.shape[1] > 1
            if labels is None and is_scores and kind_of(before.dtype) in ("float", "int"):
                labels = now.argmax(axis=1) != before.argmax(axis=1)
        self.calls += 1
        self.samples += call.samples
        self.changed_samples += int(changed.sum())
        if labels is not None:
            self.changed_labels = (self.changed_labels or 0) + int((labels & changed).sum())

    def response(self) -> RepeatResponse:
        """The answer to `Repeat`."""
        return {
            "differences": self.differences,
            "calls": self.calls,
            "samples": self.samples,
            "changed_samples": self.changed_samples,
            "changed_labels": self.changed_labels,
        }


def _rounding(array: np.ndarray) -> float:
    """By how much sums in another order may change values of an output."""
    if kind_of(array.dtype) not in ("float", "complex"):
        return 0.0
    values = np.abs(widened(array))
    scale = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    return _ROUNDINGS * epsilon_of(array.dtype) * scale
