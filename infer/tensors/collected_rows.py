"""Rows that come a chunk at a time and are needed together: on disk, once they are many."""

from __future__ import annotations

import mmap
import tempfile
from typing import IO

import numpy as np

# Bytes that are held in memory.
_MOST_IN_MEMORY = 16 << 20


class CollectedRows:
    """Collects arrays that are alike but for the length of their first axis.

    Others are joined in memory, as `numpy.concatenate` does it.
    """

    def __init__(self) -> None:
        self._chunks: list[np.ndarray] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def add(self, chunk: np.ndarray) -> None:
        """Take the next rows."""
        self._chunks.append(chunk)
        self._held += chunk.nbytes
        if self._held > _MOST_IN_MEMORY and self._are_alike():
            self._write()

    def joined(self) -> np.ndarray:
        """All rows, of one chunk at least; those of a file are mapped."""
        if self._file is None:
            return np.concatenate(self._chunks)
        if not self._are_alike():
            return np.concatenate([self._mapped(self._file), *self._chunks])
        self._write()
        return self._mapped(self._file)

    def _are_alike(self) -> bool:
        """Whether all have one type and width, and can be written."""
        kinds = {(chunk.dtype, chunk.shape[1:]) for chunk in self._chunks}
        return len(kinds) == 1 and not self._chunks[0].dtype.hasobject

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with its mapping
        for chunk in self._chunks:
            self._file.write(np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).data)
        # What is left has the type and the width.
        self._chunks, self._held = [self._chunks[0][:0].copy()], 0

    def _mapped(self, file: IO[bytes]) -> np.ndarray:
        file.flush()
        like = self._chunks[0]
        # The mapping keeps the file, which has no name.
        values = np.frombuffer(mmap.mmap(file.fileno(), 0), like.dtype)
        return values.reshape(-1, *like.shape[1:])
