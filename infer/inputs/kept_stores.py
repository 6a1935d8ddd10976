"""Stores that are kept from run to run, known by hash, where the user says so."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..regular_file import opened_as_named

# Names a folder of the user's.
VARIABLE = "EXPORTBENCH_INPUTS_CACHE"
# Bytes from which on it is announced what is written.
LARGE_BYTES = 100_000_000


def kept_folder() -> Path | None:
    """The folder of the stores that are kept; None if the user names none."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).absolute() if folder else None


def kept_store(file: Path, *, refers: bool) -> Path | None:
    """The store of a file that later runs find again; None if the user names no folder for it.

    Args:
        file: the file.
        refers: whether the store names arrays in the file, so that it holds for its place alone.

    Raises:
        OSError: the file cannot be read.
    """
    folder = kept_folder()
    if folder is None:
        return None
    with opened_as_named(file) as opened:
        name = hashlib.file_digest(opened, "sha256").hexdigest()
    if refers:
        name += "-" + hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]
    return folder / name


def when_removed(*, kept: bool) -> str:
    """What becomes of a large store, in words."""
    if kept:
        return "later runs find them there; remove the folder to free the disk"
    return f"removed when the run ends; {VARIABLE}=FOLDER keeps them for later runs"
