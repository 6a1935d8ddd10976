"""The arrays in a file of inputs: their headers and where they lie, without reading values."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from ..errors import InputError
from ..regular_file import opened_as_named
from .npy import MAGIC, Header, read_header

# Of a file: a table is kept of them.
_MOST_ARRAYS = 10_000
# Of a member in a zip file: a fixed part, which ends in the lengths of two texts after it.
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Member:
    """An array in a file.

    Attributes:
        name: its name; of text with the ending of the part.
        header: type and shape.
        bytes: size of the `.npy` when it is unpacked.
        start: where the `.npy` begins in the file; None if it is compressed.
        entry: its entry in a zip file; None if the file is the `.npy` itself.
    """

    name: str
    header: Header
    bytes: int
    start: int | None
    entry: zipfile.ZipInfo | None = None


class InputFile:
    """An opened file of inputs, `.npz` or `.npy`.

    Attributes:
        members: its arrays, in its order.

    Args:
        file: the file.
        stem: name of the array if the file is a `.npy`.

    Raises:
        Exception: NumPy's and zipfile's, for a damaged file.
    """

    def __init__(self, file: BinaryIO, stem: str) -> None:
        self._file = file
        self._archive: zipfile.ZipFile | None = None
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            header = read_header(file)
            if file.tell() + header.nbytes > size:
                raise ValueError(f"it has {size:,} bytes, its header says {header.nbytes:,} more")
            self.members = [Member(stem, header, size, 0)]
            return
        self._archive = zipfile.ZipFile(file)
        self.members = self._members(self._archive)

    def close(self) -> None:
        """Close the archive; the file stays open."""
        if self._archive is not None:
            self._archive.close()

    def stream(self, member: Member) -> IO[bytes]:
        """A stream of a member's `.npy`; a checksum is compared where it is read to the end."""
        if self._archive is None or member.entry is None:
            self._file.seek(0)
            return self._file
        return self._archive.open(member.entry)

    def _members(self, archive: zipfile.ZipFile) -> list[Member]:
        entries = archive.infolist()
        if len(entries) > _MOST_ARRAYS:
            raise ValueError(f"it holds {len(entries):,} files, more than {_MOST_ARRAYS:,}")
        members: dict[str, Member] = {}
        for entry in entries:
            name = entry.filename.removesuffix(".npy")  # as NumPy calls it
            if name in members:
                raise ValueError(f"it holds '{name}' twice")
            members[name] = self._member(name, entry, archive)
        return list(members.values())

    def _member(self, name: str, entry: zipfile.ZipInfo, archive: zipfile.ZipFile) -> Member:
        with archive.open(entry) as stream:
            assert isinstance(stream, zipfile.ZipExtFile)
            if not stream.peek(len(MAGIC)).startswith(MAGIC):
                raise ValueError(f"'{name}' in it is no array")
            header = read_header(stream)
            if stream.tell() + header.nbytes > entry.file_size:
                raise ValueError(f"'{name}' in it is cut off")
        start = None
        if entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & _ENCRYPTED:
            self._file.seek(entry.header_offset)
            _, *lengths = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
            start = entry.header_offset + _LOCAL_HEADER.size + sum(lengths)
        return Member(name, header, entry.file_size, start, entry)


@contextmanager
def opened_inputs(path: Path, named: str | Path | None = None) -> Iterator[InputFile]:
    """Open a file of inputs; what is raised while it is read becomes one line.

    Args:
        path: path of the file.
        named: the user's file, which errors name; None if it is the one at the path.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    named = named or path
    kind = ".npz"
    try:
        with opened_as_named(path) as opened:
            kind = ".npy" if opened.peek(len(MAGIC)).startswith(MAGIC) else kind
            with closing(InputFile(opened, path.stem)) as inputs:
                yield inputs
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{named}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise InputError(f"{named}: says that it holds more than fits into memory") from None
    except Exception as error:  # NumPy and zipfile raise many types for a damaged file
        raise InputError(f"{named}: not a whole {kind} file ({error})") from None
