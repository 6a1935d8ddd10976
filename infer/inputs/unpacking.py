"""Make a store of a file of inputs: what lies plainly in it may stay, the rest is unpacked."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..free_memory import available_bytes
from .kept_stores import VARIABLE
from .loading import is_of_labels
from .members import InputFile, Member, opened_inputs
from .npy import read_header
from .store import TENSORS, StoreWriter, extremes_of

_READ_AT_ONCE = 4 << 20  # bytes


def write_store(file: Path, folder: Path, *, refers: bool) -> None:
    """Make a store of a file, without its labels.

    Every value is read once: checksums are compared, and limits of whole numbers are found.

    Args:
        file: the file.
        folder: the store, with an empty folder of tensors; what was begun there is replaced.
        refers: whether what lies plainly in the file stays there, and is named only.

    Raises:
        InputError: the file is damaged, or there is too little room on the disk.
        OSError: it cannot be written.
    """
    needed = unpacked_bytes(file, refers=refers)
    for begun in (folder / TENSORS).iterdir():
        begun.unlink()
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{file}: needs {needed / 1e9:.1f} GB of disk in {folder.parent} to be unpacked, "
            f"{free / 1e9:.1f} GB are free"
        )
    with (
        opened_inputs(file) as opened,
        _writing_to(file, folder),
        StoreWriter(folder) as store,
    ):
        for member in opened.members:
            if is_of_labels(member.name):
                continue
            rows = _rows(member, opened, file)
            if refers and stays(member):
                assert member.start is not None
                store.refer(member.name, file, member.start, _extremes(rows))
            elif member.header.shape:
                for some in rows:
                    store.append_array(member.name, some)
            else:
                store.add(member.name, next(rows))


@contextmanager
def _writing_to(file: Path, folder: Path) -> Iterator[None]:
    """Tell a full disk from a file that cannot be read.

    Raises:
        InputError: the store cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
            raise
        raise InputError(
            f"{file}: cannot be unpacked into {folder.parent} ({error.strerror}); free the disk, "
            f"or write elsewhere with --out or {VARIABLE}=FOLDER"
        ) from None


def unpacked_bytes(file: Path, *, refers: bool) -> int:
    """Bytes of the arrays that do not stay where they lie.

    Raises:
        InputError: the file is damaged.
    """
    with opened_inputs(file) as opened:
        return sum(
            member.bytes
            for member in opened.members
            if not is_of_labels(member.name) and not (refers and stays(member))
        )


def stays(member: Member) -> bool:
    """Whether samples lie plainly in the file, one after the other."""
    is_in_rows = not member.header.fortran_order or len(member.header.shape) < 2
    return member.start is not None and is_in_rows


def _extremes(rows: Iterable[np.ndarray]) -> tuple[int, int] | None:
    found = [pair for some in rows if (pair := extremes_of(some)) is not None]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _rows(member: Member, opened: InputFile, file: Path) -> Iterator[np.ndarray]:
    """The rows of an array, some at a time; a checksum is compared at the end.

    Raises:
        MemoryError: its samples do not lie one after the other, and it does not fit into memory.
    """
    header = member.header
    count = header.shape[0] if header.shape else 1
    row_bytes = header.nbytes // count
    at_once = max(1, _READ_AT_ONCE // row_bytes) if row_bytes else count
    if header.fortran_order and len(header.shape) > 1:
        if member.bytes > available_bytes():
            raise MemoryError
        array = np.lib.format.read_array(opened.stream(member), allow_pickle=False)
        for first in range(0, count, at_once):
            yield np.ascontiguousarray(array[first : first + at_once])
        return
    stream = opened.stream(member)
    read_header(stream)
    for first in range(0, count, at_once):
        rows = min(at_once, count - first)
        data = stream.read(rows * row_bytes)
        if len(data) < rows * row_bytes:
            raise ValueError(f"'{member.name}' in it is cut off")
        shape = (rows, *header.shape[1:]) if header.shape else ()
        yield np.frombuffer(data, header.dtype).reshape(shape)
    stream.read(1)  # where it ends, the checksum is compared
