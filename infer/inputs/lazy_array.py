"""Arrays that stay on disk: samples are read and converted when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..tensors.dtypes import kind_of
from ..tensors.text import as_text, unpack
from .npy import MappedArray

# Bytes of values that are looked at together.
_CHUNK_BYTES = 4 << 20


class PackedText:
    """Text as its bytes and lengths (tensors/text.py); values are made when they are asked for.

    Args:
        data: the bytes of all values, uint8.
        lengths: number of bytes of each value, in the shape of the tensor.

    Raises:
        ValueError: the lengths do not fit the bytes.
    """

    def __init__(self, data: np.ndarray, lengths: np.ndarray) -> None:
        unpack(data[:0], lengths.reshape(-1)[:0])  # their types
        starts = np.zeros(lengths.size + 1, np.int64)
        np.cumsum(lengths.reshape(-1), out=starts[1:])
        is_within = lengths.size == 0 or 0 <= lengths.min() <= lengths.max() <= data.size
        # As floating-point numbers too, since a sum of whole numbers may begin anew.
        total = lengths.sum(dtype=np.float64)
        if not is_within or total > 2.0**62 or starts[-1] != data.size:
            raise ValueError(f"there are {data.size} bytes, the lengths say {int(total)}")
        self._data, self._starts = data, starts
        self.shape: tuple[int, ...] = lengths.shape
        self.ndim, self.size = lengths.ndim, lengths.size
        self.dtype = np.dtype(object)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        numbers = np.arange(self.size).reshape(self.shape)[rows]
        values = np.empty(np.size(numbers), object)
        values[:] = [
            self._data[self._starts[number] : self._starts[number + 1]].tobytes()
            for number in np.reshape(numbers, -1)
        ]
        return as_text(values.reshape(np.shape(numbers)))


@dataclass(frozen=True)
class LazyArray:
    """An array whose samples are read, and converted, when they are asked for.

    Attributes:
        values: the values as they lie on disk, in the layout that is wanted.
        dtype: type after the conversion.
        convert: converts values; None to leave them unchanged.
        mapped: where they are mapped; None for values in memory.
        extremes: the smallest and the largest of whole numbers, where they are known.
    """

    values: np.ndarray | PackedText
    dtype: np.dtype
    convert: Callable[[np.ndarray], np.ndarray] | None = None
    mapped: MappedArray | None = None
    extremes: tuple[int, int] | None = None

    @classmethod
    def of(cls, values: np.ndarray | PackedText) -> LazyArray:
        """An array that lies in memory."""
        return cls(values, values.dtype)

    @classmethod
    def of_mapped(cls, mapped: MappedArray, extremes: tuple[int, int] | None = None) -> LazyArray:
        """An array that lies in a file."""
        return cls(mapped.array, mapped.array.dtype, None, mapped, extremes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.values.ndim

    @property
    def size(self) -> int:
        """Number of values."""
        return self.values.size

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Rows of the first axis, as a copy of one's own."""
        return self._copied(self.values[rows])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """The whole array, as NumPy asks for it."""
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)

    def take(self, samples: slice | np.ndarray, axis: int = 0) -> np.ndarray:
        """Samples along an axis, as a copy of one's own."""
        return self[(slice(None),) * axis + (samples,)]

    def chunks(self) -> Iterator[np.ndarray]:
        """All rows in turn, some at a time."""
        if not self.ndim:
            yield np.asarray(self)
            return
        row_bytes = max(1, math.prod(self.shape[1:]) * self.values.dtype.itemsize)
        count = max(1, _CHUNK_BYTES // row_bytes)
        for first in range(0, len(self), count):
            yield self[first : first + count]

    def is_constant(self) -> bool:
        """Whether all values are the same; true for none."""
        first: object = None
        for chunk in self.chunks():
            flat = chunk.reshape(-1)
            if not flat.size:
                continue
            first = flat[0] if first is None else first
            if not (flat == first).all():
                return False
        return True

    def repeats_one_sample(self) -> bool:
        """Whether there are several rows, and all are equal."""
        return (
            self.ndim > 0
            and len(self) > 1
            and all((chunk == self[:1]).all() for chunk in self.chunks())
        )

    def limits(self) -> tuple[int, int] | None:
        """The smallest and largest value of whole numbers; None for others, and for no values."""
        if self.extremes is not None or not self.size or self.dtype.kind not in "iu":
            return self.extremes
        found = [(int(chunk.min()), int(chunk.max())) for chunk in self.chunks()]
        return min(low for low, _ in found), max(high for _, high in found)

    def view(self) -> np.ndarray:
        """The values as they lie; of text a copy."""
        return self.values if isinstance(self.values, np.ndarray) else self.values[...]

    def with_values(self, values: np.ndarray) -> LazyArray:
        """The same array in another layout.

        Args:
            values: its `view`, rearranged.
        """
        return replace(self, values=values)

    def converted(
        self, convert: Callable[[np.ndarray], tuple[np.ndarray, str]]
    ) -> tuple[LazyArray, str]:
        """The array with a conversion of its values, and the note of how they are changed.

        Args:
            convert: converts an array; raises for values that it refuses. It depends on the type of
                the array, and of whole numbers on the smallest and the largest.
        """
        own = self.dtype
        limits = self.limits() if kind_of(own) == "int" else None
        probe, note = convert(np.empty(0, own) if limits is None else np.array(limits, own))

        def both(values: np.ndarray) -> np.ndarray:
            return convert(values if self.convert is None else self.convert(values))[0]

        return replace(self, dtype=probe.dtype, convert=both, extremes=None), note

    def _copied(self, values: np.ndarray) -> np.ndarray:
        changed = values if self.convert is None else self.convert(values)
        own = isinstance(changed, np.ndarray) and not np.may_share_memory(changed, self._whole())
        copy = np.asarray(changed, order="C") if own else np.array(changed, order="C")
        if self.mapped is not None:
            self.mapped.was_read(values)
        return copy

    def _whole(self) -> np.ndarray:
        return self.values if isinstance(self.values, np.ndarray) else np.empty(0)


Tensors = dict[str, LazyArray]
