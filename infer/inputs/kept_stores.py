"""Stores that are kept from run to run, known by the hash of their file, where the user says so."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..regular_file import opened_as_named

# Names a folder of the user's.
VARIABLE = "EXPORTBENCH_INPUTS_CACHE"


def kept_store(file: Path, *, refers: bool) -> Path | None:
    """The store of a file that later runs find again; None if the user names no folder for it.

    Args:
        file: the file.
        refers: whether the store names arrays in the file, so that it holds for its place alone.

    Raises:
        OSError: the file cannot be read.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    with opened_as_named(file) as opened:
        name = hashlib.file_digest(opened, "sha256").hexdigest()
    if refers:
        name += "-" + hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]
    return Path(folder).absolute() / name
