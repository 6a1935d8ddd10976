"""The hash of a store, which the same arrays have wherever they come from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..regular_file import opened_as_named
from .store import INDEX, TENSORS, TRUTH


def store_sha256(folder: Path) -> str:
    """Compute a SHA-256 over the names, types, shapes and values of the arrays in a store.

    Raises:
        OSError: a file cannot be read.
    """
    files: list[Path] = []
    for tensors in (folder / TENSORS, folder / TRUTH / TENSORS):
        if tensors.exists():
            files += [tensors / INDEX, *sorted(tensors.glob("*.npy"))]
    whole = hashlib.sha256()
    for path in files:
        with opened_as_named(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return whole.hexdigest()
