"""How the reading process hands arrays to the controller: frames in a pipe.

A frame is the length of its header in four bytes, a header of JSON, and the bytes of the arrays
that the header names, one after the other. What comes out of the pipe is a stranger's: it is
checked before anything is made of it.
"""

from __future__ import annotations

import math
import os
import re
import selectors
import struct
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import IO, BinaryIO

import numpy as np

from ..codec import DecodeError, Record, decode, encode
from ..errors import InputError

_LENGTH = struct.Struct(">I")
_LONGEST_HEADER = 1 << 20
# Of all arrays of a frame.
_MOST_BYTES = 2 << 30
_MOST_ARRAYS = 1_000
_MOST_AXES = 32
# NumPy parses other names as Python.
_DTYPE = re.compile(r"[<>|][biufc]\d{1,2}")


class ArrayHeader(Record, frozen=True):
    """An array in a frame: its name, NumPy's name of its type, and its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Header(Record, frozen=True):
    """The header of a frame.

    Attributes:
        total: samples that will come, in the first frame; None if that is not known.
        arrays: the arrays of a batch.
        error: why there is no more; None if there is no error.
        is_last: whether all has been read.
    """

    total: int | None = None
    arrays: tuple[ArrayHeader, ...] = ()
    error: str | None = None
    is_last: bool = False


def write_frame(
    file: BinaryIO, header: Header, arrays: Mapping[str, np.ndarray] = MappingProxyType({})
) -> None:
    """Write a frame; its header gets the arrays."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    listed = tuple(ArrayHeader(n, a.dtype.str, a.shape) for n, a in whole.items())
    text = encode(Header(header.total, listed, header.error, header.is_last))
    file.write(_LENGTH.pack(len(text)))
    file.write(text)
    for array in whole.values():
        file.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
    file.flush()


class FrameReader:
    """Reads frames from a process, each within a time."""

    def __init__(self, stream: IO[bytes], named: str, timeout_s: float) -> None:
        """Prepare for the frames of a process.

        Args:
            stream: what it writes, unbuffered.
            named: what is read, which messages begin with.
            timeout_s: seconds that it may take for a frame.
        """
        self._descriptor = stream.fileno()
        self._named = named
        self._timeout_s = timeout_s
        self._selector = selectors.DefaultSelector()
        self._selector.register(stream, selectors.EVENT_READ)

    def frames(self) -> Iterator[tuple[Header, dict[str, np.ndarray]]]:
        """Read frames until one is the last or an error.

        Raises:
            InputError: it takes too long, ends early, or writes something else.
        """
        while True:
            deadline = time.monotonic() + self._timeout_s
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline))
            if length > _LONGEST_HEADER:
                raise self._not_understood()
            try:
                header: Header = decode(Header, bytes(self._read(length, deadline)), self._named)
            except DecodeError:
                raise self._not_understood() from None
            yield header, self._arrays(header, deadline)
            if header.is_last or header.error is not None:
                return

    def _arrays(self, header: Header, deadline: float) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        left = _MOST_BYTES
        for said in header.arrays[:_MOST_ARRAYS]:
            if not _DTYPE.fullmatch(said.dtype) or not 1 <= len(said.shape) <= _MOST_AXES:
                raise self._not_understood()
            try:
                dtype = np.dtype(said.dtype)
            except TypeError:
                raise self._not_understood() from None
            if min(said.shape) < 0 or max(said.shape) > _MOST_BYTES:
                raise self._not_understood()
            size_bytes = math.prod(said.shape) * dtype.itemsize
            left -= size_bytes
            if left < 0:
                raise InputError(
                    f"{self._named}: a batch has more than {_MOST_BYTES >> 30} GiB; make it smaller"
                )
            data = self._read(size_bytes, deadline)
            try:
                arrays[said.name] = np.ndarray(said.shape, dtype, data)
            except ValueError:  # no values, and axes that are too long together
                raise self._not_understood() from None
        if len(arrays) != len(header.arrays):
            raise self._not_understood()
        return arrays

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view, filled = memoryview(data), 0
        while filled < size:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise InputError(f"{self._named}: nothing came of it within {self._timeout_s:g} s")
            got = os.readv(self._descriptor, [view[filled:]])
            if not got:
                raise EOFError
            filled += got
        return data

    def _not_understood(self) -> InputError:
        return InputError(f"{self._named}: the process that reads it does not make sense")
