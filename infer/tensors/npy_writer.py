"""Write a `.npy` file, rows after rows. Imports only NumPy: workers do."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO

import numpy as np


class NpyWriter:
    """Writes the rows of an array as they come; nothing is held in memory. A context manager.

    Attributes:
        dtype: type of the values.
        rows: number of rows that are written.

    Args:
        path: of the file, which is made anew; a file of this name is replaced at the end, so that
            who has it mapped keeps what it held.
        dtype: type of the values, one of NumPy's, none of objects.
        row_shape: sizes of all axes but the first.
        stays_open: whether the file stays open between writes; a process may open some 1,000.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype,
        row_shape: tuple[int, ...] = (),
        *,
        stays_open: bool = True,
    ) -> None:
        self.dtype, self.rows = dtype, 0
        self._path, self._row_shape, self._stays_open = path, row_shape, stays_open
        self._part = path.with_name(f".{path.name}.part")
        self._file: BinaryIO = self._part.open("wb")
        self._write_header()
        if not stays_open:
            self._file.close()

    def append(self, rows: np.ndarray) -> None:
        """Write further rows.

        Raises:
            ValueError: they are of another type or shape.
            OSError: they cannot be written.
        """
        if rows.dtype != self.dtype or rows.shape[1:] != self._row_shape:
            raise ValueError(
                f"rows of {rows.dtype} {list(rows.shape[1:])} after rows of {self.dtype} "
                f"{list(self._row_shape)}"
            )
        if self._file.closed:
            self._file = self._part.open("ab")
        if rows.size:
            self._file.write(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)
        if not self._stays_open:
            self._file.close()
        self.rows += len(rows)

    def close(self) -> None:
        """Write the number of rows into the header, and give the file its name."""
        self._file.close()
        self._file = self._part.open("r+b")
        self._write_header()
        self._file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Remove what was written; nothing to do once it is closed."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _write_header(self) -> None:
        # NumPy leaves room in it for the largest number of rows.
        write_header(self._file, self.dtype, (self.rows, *self._row_shape))


def write_header(file: IO[bytes], dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Write what a `.npy` begins with; the values follow in C order.

    Raises:
        OSError: it cannot be written.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
