"""What an artifact consists of: its files, their sizes and hashes, and the hash of them all."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .artifact import Artifact


@dataclass(frozen=True)
class ContentFile:
    """A file of a payload.

    Attributes:
        path: its path, as the payload's begins.
        bytes: its size.
        sha256: of its content, in hexadecimal digits.
        state: device, inode, size, and times of change in nanoseconds; another state may mean
            another content.
    """

    path: str
    bytes: int
    sha256: str
    state: tuple[int, ...]


@dataclass(frozen=True)
class Contents:
    """The files of a payload.

    Attributes:
        files: the files, in the order of their paths.
        sha256: over the files and their paths, which identifies the artifact.
    """

    files: tuple[ContentFile, ...]
    sha256: str

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


def contents_of(artifact: Artifact) -> Contents:
    """Hash the files of an artifact.

    Raises:
        ArtifactError: it is damaged, or names files outside its folder.
        OSError: a file cannot be read.
    """
    files, digest = [], hashlib.sha256()
    for path in artifact.files():
        state = state_of(path)
        sha256 = artifact.sha256_of(path)
        files.append(ContentFile(str(path), state[2], sha256, state))
        digest.update(os.fsencode(path.relative_to(artifact.payload.parent).as_posix()))
        digest.update(sha256.encode())
    return Contents(tuple(files), digest.hexdigest())


def state_of(path: Path) -> tuple[int, ...]:
    """Device, inode, size and times of change of a file.

    Raises:
        OSError: it does not exist.
    """
    stat = path.stat()
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
