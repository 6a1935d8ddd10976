"""Cut inputs into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class Batcher:
    """Successive batches of arrays that share their first dimension; the last may be smaller.

    Args:
        arrays: arrays by name.
        size: number of samples in a batch.
        broadcast: names of arrays that every batch contains unchanged.
    """

    def __init__(
        self, arrays: dict[str, np.ndarray], size: int, broadcast: frozenset[str] = frozenset()
    ) -> None:
        self.arrays = arrays
        self.broadcast = broadcast
        self.total = next((len(a) for name, a in arrays.items() if name not in broadcast), 1)
        self.size = size

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return self._part(slice(index * self.size, (index + 1) * self.size))

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
        return {
            name: array if name in self.broadcast else array[rows]
            for name, array in self.arrays.items()
        }
