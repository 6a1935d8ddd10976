"""The files of a payload, and their hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..formats.detection import companions, folder_files
from ..regular_file import opened_as_named


@dataclass(frozen=True)
class FileRecord:
    """What a manifest says of a file.

    Attributes:
        sha256: of its content, in hexadecimal digits.
        bytes: its size.
    """

    sha256: str
    bytes: int


def files_of(payload: Path) -> list[Path]:
    """List all files of a payload in the order of their paths, including weights beside it.

    Raises:
        ArtifactError: it is damaged, or names files outside its folder.
    """
    if payload.is_dir():
        return folder_files(payload)
    return [payload, *companions(payload)]


def hash_files(folder: Path, payload: str) -> dict[str, FileRecord]:
    """SHA-256 and size of every file of the payload, by path relative to the folder."""
    return {
        path.relative_to(folder).as_posix(): FileRecord(sha256_of(path), path.stat().st_size)
        for path in files_of(folder / payload)
    }


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with opened_as_named(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
