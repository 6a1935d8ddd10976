"""Arrays as `.npy` has them: read the header, and map the values where they lie."""

from __future__ import annotations

import contextlib
import math
import mmap
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..regular_file import opened_as_named
from ..tensors.chunks import give_back

MAGIC = b"\x93NUMPY"
# Bytes of a mapping that may stay resident before they are given back to the system.
_KEPT_BYTES = 4 << 20
# Bytes to ask for at once: Linux reads no more of a request than the readahead of the device, which
# usually is as much.
_ASKED_BYTES = 128 << 10


@dataclass(frozen=True)
class Header:
    """What the header of a `.npy` file says of its array.

    Attributes:
        dtype: type of the values.
        shape: sizes of the axes.
        fortran_order: whether the first axis is the one whose values lie next to each other.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran_order: bool

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.size * self.dtype.itemsize


def read_header(stream: IO[bytes]) -> Header:
    """Read the header; the stream is then at the first value.

    Raises:
        ValueError: it is none, or of an array of objects.
    """
    version: tuple[int, int] = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of .npy is not read here")
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    return Header(dtype, shape, fortran_order)


class MappedArray:
    """An array in a file, mapped read-only: processes that map it share one copy in memory.

    Attributes:
        array: the array; it may not be written to.

    Args:
        path: path of the file.
        start: where the `.npy` begins in it, in bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: no array of numbers or fixed-width text begins there, or it is cut off.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        with opened_as_named(path) as file:
            size = file.seek(0, 2)
            file.seek(start)
            header = read_header(file)
            begin = file.tell()
            if begin + header.nbytes > size:
                raise ValueError(
                    f"its header says {header.nbytes:,} bytes, it has {size - begin:,}"
                )
            aligned = begin // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
            length = max(begin + header.nbytes - aligned, 1)
            self._map = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=aligned)
        self._offset = begin - aligned
        self._read, self._blocks = 0, 0
        self.array: np.ndarray = np.ndarray(
            header.shape,
            header.dtype,
            buffer=self._map,
            offset=self._offset,
            order="F" if header.fortran_order else "C",
        )

    def was_read(self, values: np.ndarray) -> None:
        """Give back the pages of values that were read.

        They stay in the system's cache, where the next process finds them, and do not count as
        memory of this one. Where this process had to wait for the disk, what follows the values is
        read from there while the caller does something else: most read batch after batch.

        Args:
            values: a part of `array`, its values in any order, or a copy.
        """
        blocks = resource.getrusage(resource.RUSAGE_SELF).ru_inblock
        if blocks > self._blocks:  # to ask for what lies in memory costs as much as to copy it
            self._blocks = blocks
            self._ask_for_next(values)
        self._read += values.nbytes
        if self._read > _KEPT_BYTES:
            give_back(self.array)
            self._read = 0

    def _ask_for_next(self, values: np.ndarray) -> None:
        """Have the system read as many bytes as the values have, right after them."""
        first, last = byte_bounds(self.array)
        low, high = byte_bounds(values)
        is_stretch = first <= low < high <= last and high - low == values.nbytes
        if not is_stretch or not hasattr(mmap, "MADV_WILLNEED"):
            return
        origin = first - self._offset
        stop = min(high + values.nbytes, last) - origin
        begin = (high - origin) // mmap.PAGESIZE * mmap.PAGESIZE
        with contextlib.suppress(OSError):  # the values are read without it, too
            for start in range(begin, stop, _ASKED_BYTES):
                self._map.madvise(mmap.MADV_WILLNEED, start, min(_ASKED_BYTES, stop - start))
