"""Arrays of random values that are drawn some rows at a time, whenever they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

# Values that are drawn together.
_VALUES = 1 << 19
# Bytes that are held where the drawn rows are not the rows of the array.
_MOST_BYTES = 64 << 20

Shape = tuple[int, ...]


class DrawnArray:
    """An array of random values: it is the same whenever it is drawn, and never held as a whole.

    Values follow each other in the order of rows, so that it does not matter how many rows are
    drawn together.

    Attributes:
        shape: sizes of the axes, after the rearrangement.
        dtype: type of the values.

    Args:
        seed: of the sequence of numbers.
        shape: sizes of the axes as the values are drawn.
        draw: draws numbers of a shape from a generator.
        convert: makes the values of arrays of numbers.
        parts: of how many such arrays; a generator draws all numbers of one before the next.
        rearrange: brings drawn rows into another layout.
        rows_axis: the axis that the drawn rows are on after it; None if there is a single one,
            whose axis it leaves out.

    Raises:
        Exception: of `rearrange`.
    """

    def __init__(
        self,
        seed: Sequence[int],
        shape: Shape,
        draw: Callable[[np.random.Generator, Shape], np.ndarray],
        convert: Callable[..., np.ndarray],
        *,
        parts: int = 1,
        rearrange: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
        rows_axis: int | None = 0,
    ) -> None:
        self._seed, self._drawn_shape = list(seed), shape
        self._draw, self._convert, self._parts = draw, convert, parts
        self._rearrange = rearrange
        self._rows_axis = rows_axis if shape else None
        # One value in memory, repeated: for the shape alone.
        self.shape: Shape = rearrange(np.broadcast_to(np.zeros(()), shape)).shape
        self.dtype = self._values([np.random.default_rng(0)] * parts, (0,)).dtype

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def pieces(self) -> Iterator[np.ndarray]:
        """Draw all values, some rows at a time."""
        if not self._rows_axis:
            yield from self._drawn()
            return
        # Each row has values of all drawn rows, which are drawn again for the next ones.
        count = self.shape[0]
        together = max(1, _MOST_BYTES * count // max(1, self.nbytes))
        for first in range(0, count, together):
            rows = slice(first, min(first + together, count))
            yield self._rows(rows, self._rows_axis)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """The whole array, as NumPy asks for it."""
        if self._rows_axis is None:
            whole = next(self._drawn())
        else:
            whole = np.concatenate([np.empty((0, *self.shape[1:]), self.dtype), *self.pieces()])
        return whole if dtype is None else whole.astype(dtype)

    def _rows(self, rows: slice, axis: int) -> np.ndarray:
        """Some rows of the array, where the drawn rows are on another axis than the first."""
        block = np.empty((rows.stop - rows.start, *self.shape[1:]), self.dtype)
        by_drawn, done = np.moveaxis(block, axis, 0), 0
        for drawn in self._drawn():
            part = np.moveaxis(drawn, axis, 0)
            by_drawn[done : done + len(part)] = part[:, rows]
            done += len(part)
        return block

    def _drawn(self) -> Iterator[np.ndarray]:
        """Draw all values, some drawn rows at a time."""
        generators = [np.random.default_rng(self._seed) for _ in range(self._parts)]
        for part, generator in enumerate(generators):
            for _ in range(part):  # pass over the numbers of the parts before
                for shape in self._shapes():
                    self._draw(generator, shape)
        for shape in self._shapes():
            yield self._rearrange(self._values(generators, shape))

    def _shapes(self) -> Iterator[Shape]:
        """The shapes of what is drawn together."""
        if self._rows_axis is None:
            yield self._drawn_shape
            return
        count, *rest = self._drawn_shape
        together = max(1, _VALUES // max(1, math.prod(rest)))
        for first in range(0, count, together):
            yield (min(together, count - first), *rest)

    def _values(self, generators: Sequence[np.random.Generator], shape: Shape) -> np.ndarray:
        numbers = (np.asarray(self._draw(generator, shape)) for generator in generators)
        return self._convert(*numbers)
