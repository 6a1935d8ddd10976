"""Write a `.npy` file of one row of numbers, piece after piece. Imports only NumPy: workers do."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np


class RowWriter:
    """Writes numbers of one type to a `.npy` file as they come; nothing is held in memory.

    Args:
        path: of the file, which is made anew; a file of this name is replaced at the end, so that
            who has it mapped keeps what it held.
        dtype: type of the numbers, one of NumPy's.
        stays_open: whether the file stays open between writes; a process may open some 1,000.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, dtype: np.dtype, *, stays_open: bool = True) -> None:
        self._path, self._dtype, self._stays_open = path, dtype, stays_open
        self._part = path.with_name(f".{path.name}.part")
        self._file: BinaryIO = self._part.open("wb")
        self._count = 0
        # NumPy leaves room in it for the largest number of values.
        self._write_header()
        if not stays_open:
            self._file.close()

    def write(self, values: np.ndarray) -> None:
        """Write values of any shape, in C order."""
        row = np.ascontiguousarray(values, self._dtype).reshape(-1)
        if self._file.closed:
            self._file = self._part.open("ab")
        self._file.write(row.data if row.size else b"")
        if not self._stays_open:
            self._file.close()
        self._count += row.size

    def close(self) -> None:
        """Write the header, and give the file its name."""
        self._file.close()
        self._file = self._part.open("r+b")
        self._write_header()
        self._file.close()
        self._part.replace(self._path)

    def _write_header(self) -> None:
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (self._count,)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._part.unlink(missing_ok=True)
