"""Files of one row of numbers, which a stranger may have written: read, mapped, or copied."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..regular_file import opened_file
from .npy_writer import NpyWriter

# What NumPy writes for a row of numbers: version 1.0, and a dictionary padded with spaces.
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<>|][biufc][0-9]{1,2})', 'fortran_order': (?:False|True), "
    rb"'shape': \(([0-9]{1,18}),\), \} *\n"
)
# Bytes of a file from which it is mapped, and bytes that are copied at once.
_LEAST_MAPPED, _COPIED_BYTES = 1 << 20, 8 << 20


class OutputError(ValueError):
    """The outputs in a folder cannot be read; the message is one line."""


@dataclass(frozen=True)
class RowFile:
    """An opened file of one row of numbers, whose header was checked.

    Attributes:
        name: name of the file.
        file: the file, where its values begin.
        stored: type of the values in the file.
        count: number of values.
        size: bytes of the file.
    """

    name: str
    file: BinaryIO
    stored: np.dtype
    count: int
    size: int

    def read(self) -> np.ndarray:
        """Read all values; large files are mapped, and must not be cut short meanwhile."""
        if self.size >= _LEAST_MAPPED:
            begin = self.file.tell()
            mapped = mmap.mmap(self.file.fileno(), self.size, access=mmap.ACCESS_READ)
            return np.frombuffer(mapped, self.stored, self.count, begin)
        return self._values(self.count)

    def chunks(self) -> Iterator[np.ndarray]:
        """Read the values piece after piece, whatever is done to the file meanwhile.

        Raises:
            OutputError: it was cut short.
        """
        most = max(1, _COPIED_BYTES // self.stored.itemsize)
        for begin in range(0, self.count, most):
            yield self._values(min(most, self.count - begin))

    def _values(self, count: int) -> np.ndarray:
        data = read_exactly(self.file, count * self.stored.itemsize, self.name)
        return np.frombuffer(data, self.stored) if count else np.empty(0, self.stored)


@contextmanager
def opened_row(
    folder: int, name: str, dtype: np.dtype, most_bytes: int, count: int | None = None
) -> Iterator[RowFile]:
    """Open a `.npy` file of one row of numbers, and check its header.

    Args:
        folder: descriptor of its folder.
        name: name of the file.
        dtype: the type that it must have.
        most_bytes: the most bytes that it may have.
        count: the number of values that it must have; None for any.

    Raises:
        OutputError: it is no such file.
        NoRegularFileError: it is no regular file, or larger.
    """
    with opened_file(name, folder, most_bytes) as (file, size):
        start = read_exactly(file, min(size, len(_MAGIC) + 2), name)
        if len(start) < len(_MAGIC) + 2 or start[: len(_MAGIC)] != _MAGIC:
            raise OutputError(f"{name} is no array")
        length = int.from_bytes(start[len(_MAGIC) :], "little")
        header = _HEADER.fullmatch(read_exactly(file, length, name))
        if header is None:
            raise OutputError(f"{name} is no row of numbers")
        values = int(header[2])
        stored = np.dtype(header[1].decode())
        if stored.newbyteorder("=") != dtype:
            raise OutputError(f"{name} holds {stored.name}, the index says {dtype.name}")
        if count is not None and values != count:
            raise OutputError(f"{name} has {values:,} values, the index says {count:,}")
        if size != len(start) + length + values * stored.itemsize:
            raise OutputError(f"{name} has {size:,} bytes, which its header contradicts")
        yield RowFile(name, file, stored, values, size)


def copy_row(row: RowFile, path: Path) -> None:
    """Copy a row to a file that nobody else writes, in this machine's order of bytes.

    Raises:
        OutputError: it was cut short meanwhile.
        OSError: the copy cannot be written.
    """
    with NpyWriter(path, row.stored.newbyteorder("=")) as writer:
        for values in row.chunks():
            writer.append(values.astype(writer.dtype, copy=False))


def read_exactly(file: BinaryIO, size: int, name: str) -> bytes:
    """Read so many bytes of a file.

    Raises:
        OutputError: it ends before.
    """
    data = bytearray()
    while len(data) < size:
        part = file.read(size - len(data))
        if not part:
            raise OutputError(f"{name} ends too early")
        data += part
    return bytes(data)
