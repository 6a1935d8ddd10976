"""The content of a file whose format is detected; read no further than is needed."""

from __future__ import annotations

import struct
import zipfile
from functools import cached_property
from pathlib import Path

from ..errors import DamagedError
from .map_file import map_file

HEAD_BYTES = 4096
# Exceptions that `zipfile` raises for damaged archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
    EOFError,
    RuntimeError,
    OverflowError,
    struct.error,
)


class Content:
    """A file whose format is to be detected.

    Attributes:
        path: path of the file.
        head: its first bytes, at most `HEAD_BYTES`.
    """

    def __init__(self, path: Path) -> None:
        """Read the first bytes.

        Raises:
            OSError: the file cannot be read.
        """
        self.path = path
        with path.open("rb") as file:
            self.head = file.read(HEAD_BYTES)

    @cached_property
    def data(self) -> memoryview:
        """All its bytes, mapped into memory."""
        return map_file(self.path)

    @cached_property
    def entries(self) -> frozenset[str]:
        """Names of a zip archive's entries, less their common folder; empty for other files.

        Raises:
            DamagedError: it is a damaged archive.
        """
        if not self.is_archive:
            return frozenset()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return frozenset(name.partition("/")[2] or name for name in archive.namelist())
        except _ZIP_ERRORS as error:
            raise DamagedError(f"a damaged archive ({error})") from None

    @property
    def is_archive(self) -> bool:
        """Whether it begins like a zip archive."""
        return self.head[:4] in (b"PK\x03\x04", b"PK\x05\x06")
