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
