"""Values of samples that have another number of rows each, such as the objects found in images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """The rows of all samples, one sample after the other.

    Attributes:
        values: rows x anything.
        offsets: where the rows of each sample begin, and where the last ones end: int64, one more
            than there are samples.
    """

    values: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, sample: int) -> np.ndarray:
        rows: np.ndarray = self.values[self.offsets[sample] : self.offsets[sample + 1]]
        return rows

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.__getitem__, range(len(self)))

    def between(self, start: int, stop: int) -> Ragged:
        """The rows of some successive samples."""
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    @property
    def dtype(self) -> np.dtype:
        """The type of all values."""
        return self.values.dtype

    @property
    def nbytes(self) -> int:
        """The bytes of all values."""
        return self.values.nbytes

    @property
    def in_a_row(self) -> np.ndarray:
        """All values in one row."""
        return self.values.reshape(-1)

    @property
    def counts(self) -> np.ndarray:
        """The number of rows of each sample."""
        return np.diff(self.offsets)


# An output by samples: an array whose first axis counts them, or rows of each sample.
SampleValues = np.ndarray | Ragged


def samples_between(values: SampleValues, start: int, stop: int) -> SampleValues:
    """The values of some successive samples."""
    return values.between(start, stop) if isinstance(values, Ragged) else values[start:stop]


def described(values: SampleValues) -> str:
    """The type and shape, for people."""
    if not isinstance(values, Ragged):
        return f"{values.dtype} {values.shape}"
    rest = "".join(f" x {size}" for size in values.values.shape[1:])
    return f"{values.values.dtype} (rows of {len(values)} samples{rest})"
