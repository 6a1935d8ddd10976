"""Detect inputs on which agreement says little: zero or constant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np

from ..tensors.dtypes import kind_of

# Number of values that are looked at together.
_CHUNK = 1 << 20


class Rows(Protocol):
    """An array whose rows are read when they are asked for."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        ...

    @property
    def size(self) -> int:
        """Number of values."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


def uninformative_inputs(
    arrays: Mapping[str, np.ndarray | Rows], states: Collection[str] = ()
) -> list[str]:
    """List reasons why agreement on these inputs says little, one line each, for the user.

    An input of floating point has to vary. Masks and indices are often constant, so others are
    questioned only if no input varies at all.

    Args:
        arrays: inputs by name, without labels.
        states: inputs that hold the first state of a loop, which may be zero.
    """
    findings = {
        name: f"its input '{name}' is {_value(array)} everywhere"
        for name, array in arrays.items()
        if name not in states and array.size > 1 and _is_constant(array)
    }
    varying = [name for name in arrays if name not in findings and arrays[name].size > 1]
    return [
        text
        for name, text in findings.items()
        if not varying or kind_of(arrays[name].dtype) in ("float", "complex")
    ]


def _is_constant(array: np.ndarray | Rows) -> bool:
    first = _first(array)
    count = max(1, _CHUNK // max(1, array.size // len(array)))
    return all(
        bool((array[start : start + count] == first).all()) for start in range(0, len(array), count)
    )


def _first(array: np.ndarray | Rows) -> Any:
    return array[:1].reshape(-1)[0]


def _value(array: np.ndarray | Rows) -> str:
    value = _first(array)
    return f"'{value}'" if kind_of(array.dtype) in ("text", "other") else f"{value:g}"
