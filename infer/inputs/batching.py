"""Cut inputs into batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from .lazy_array import LazyArray

FIRST_AXES: Mapping[str, int] = MappingProxyType({})
Arrays = Mapping[str, np.ndarray | LazyArray]


def select_samples(
    arrays: Arrays,
    samples: slice | np.ndarray,
    broadcast: Collection[str],
    axes: Mapping[str, int] = FIRST_AXES,
) -> dict[str, np.ndarray]:
    """Select samples of arrays; what lies on disk is read and converted.

    Args:
        arrays: arrays by name.
        samples: numbers of the samples.
        broadcast: names of arrays that have no samples; they are left as they are.
        axes: axis of the samples by name, where it is not the first.
    """

    def selected(name: str, array: np.ndarray | LazyArray) -> np.ndarray:
        if name in broadcast:
            return np.asarray(array)
        axis = axes.get(name, 0)
        if isinstance(array, LazyArray):
            return array.take(samples, axis)
        if axis:
            return np.ascontiguousarray(array[(slice(None),) * axis + (samples,)])
        return array[samples]

    return {name: selected(name, array) for name, array in arrays.items()}


def count_samples(
    arrays: Arrays,
    broadcast: Collection[str],
    axes: Mapping[str, int] = FIRST_AXES,
) -> int:
    """Number of samples; 1 where no array has samples. The arguments are as in `select_samples`."""
    counts = (a.shape[axes.get(name, 0)] for name, a in arrays.items() if name not in broadcast)
    return next(counts, 1)


class Batcher:
    """Successive batches of arrays that share their number of samples; the last may be smaller.

    Args:
        arrays: arrays by name.
        size: number of samples in a batch.
        broadcast: names of arrays that every batch contains unchanged.
        axes: axis of the samples by name, where it is not the first.
        skip: number of samples to leave out first.
        samples: number of samples to take; None for all that there are.
    """

    def __init__(
        self,
        arrays: Arrays,
        size: int,
        broadcast: frozenset[str] = frozenset(),
        axes: Mapping[str, int] = FIRST_AXES,
        skip: int = 0,
        samples: int | None = None,
    ) -> None:
        self.arrays = arrays
        self.broadcast = broadcast
        self.axes = axes
        self._skip = skip if arrays.keys() - broadcast else 0
        there = count_samples(arrays, broadcast, axes) - self._skip
        self.total = there if samples is None else min(samples, there)
        self.size = size

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return self._part(slice(index * self.size, min((index + 1) * self.size, self.total)))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return (self[index] for index in range(len(self)))

    def samples(self, index: int) -> int:
        """Number of samples in a batch."""
        return min(self.size, self.total - index * self.size)

    def full(self, index: int) -> dict[str, np.ndarray]:
        """A batch of full size: the full ones in turn, or one that repeats the samples.

        A batch of the same samples as in a pass over all gives the same outputs, even where these
        depend on the other samples of a call.
        """
        rows = self.rows(index)
        if rows[-1] - rows[0] == self.size - 1:
            return self._part(slice(rows[0], rows[-1] + 1))
        return self._part(rows)

    def rows(self, index: int) -> np.ndarray:
        """The numbers of the samples in a full batch."""
        if self.size > self.total:
            return np.arange(self.size) % self.total
        first = index % (self.total // self.size) * self.size
        return np.arange(first, first + self.size)

    def of_rows(self, rows: Sequence[int]) -> dict[str, np.ndarray]:
        """A batch of the samples with these numbers."""
        return self._part(np.asarray(rows))

    def _part(self, rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        if isinstance(rows, slice):
            rows = slice(rows.start + self._skip, rows.stop + self._skip)
        else:
            rows = rows + self._skip
        return select_samples(self.arrays, rows, self.broadcast, self.axes)
