"""Find artifacts below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from infer.artifact import MANIFEST
from infer.detect import detect
from infer.errors import ArtifactError, DamagedError


def find(root: Path) -> Iterator[Path]:
    """Artifact folders, SavedModels and files of known formats at or below a folder, in order."""
    if not root.is_dir():
        if root.exists():
            yield root
        return
    for path, folders, files in os.walk(root):
        folder = Path(path)
        folders.sort()
        if MANIFEST in files or {"saved_model.pb", "saved_model.pbtxt"} & set(files):
            yield folder
            folders.clear()
            continue
        # Not the results of runs, nor what tools keep for themselves.
        folders[:] = [f for f in folders if not f.startswith(".") and f not in ("runs", "inputs")]
        for file in sorted(files):
            try:
                detect(folder / file)
            except DamagedError:
                pass  # it is of interest
            except ArtifactError:
                continue
            yield folder / file


def named(path: Path) -> list[Path]:
    """The artifacts that a path names: what is below a folder, or else the path itself."""
    return list(find(path)) or [path]
