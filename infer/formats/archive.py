"""The archives that PyTorch writes: zip files whose entries lie in one folder."""

from __future__ import annotations

import zipfile
import zlib

from ..errors import ArtifactError, DamagedError

# Exceptions that reading a damaged archive or its entries can raise.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
)


class Archive:
    """The entries of an archive, by their names within its top folder.

    Attributes:
        entries: each entry's record in the archive's directory.
    """

    def __init__(self, archive: zipfile.ZipFile, most: int) -> None:
        """Take an open archive, from which at most `most` bytes in total will be unpacked."""
        self._archive = archive
        self.entries = {
            info.filename.partition("/")[2]: info
            for info in archive.infolist()
            if "/" in info.filename
        }
        self._most = self._left = most

    def read(self, name: str) -> bytes:
        """Read the bytes of an entry.

        Raises:
            DamagedError: it is missing.
            ArtifactError: it exceeds the number of bytes that may still be unpacked.
        """
        info = self.entries.get(name)
        if info is None:
            raise DamagedError(f"'{name}' is missing in the archive")
        self._left -= info.file_size
        if self._left < 0:
            raise ArtifactError(f"its program has more than {self._most >> 20} MiB")
        return self._archive.read(info)
