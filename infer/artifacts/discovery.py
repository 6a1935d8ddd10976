"""Find artifacts below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import ArtifactError, DamagedError
from ..formats.detection import detect, is_artifact_folder, is_named_as_artifact
from .manifest import MANIFEST


def find(root: Path) -> Iterator[Path]:
    """Find artifacts and payloads of known formats at or below a folder, in order.

    Damaged files are among them, and what has a name that only artifacts have.
    """
    if not root.is_dir():
        if root.exists():
            yield root
        return
    for path, folders, files in os.walk(root):
        folder = Path(path)
        folders.sort()
        if MANIFEST in files or is_artifact_folder(set(files)):
            yield folder
            folders.clear()
            continue
        # Skip results of runs, inputs and hidden folders of tools.
        folders[:] = [f for f in folders if not f.startswith(".") and f not in ("runs", "inputs")]
        for file in sorted(files):
            try:
                detect(folder / file)
            except DamagedError:
                pass  # it is of interest
            except ArtifactError:
                # One that should be an artifact is not left out in silence.
                if file.startswith(".") or not is_named_as_artifact(folder / file):
                    continue
            yield folder / file


def discover(root: Path) -> list[Path]:
    """List the folders below `root` that hold a manifest, in the order of their paths."""
    return sorted(path.parent for path in root.rglob(MANIFEST))


def label_paths(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Give every path the shortest name of its last parts that no other path has."""
    parts = [path.absolute().parts for path in paths]
    for path, path_parts in zip(paths, parts, strict=True):
        for length in range(1, len(path_parts) + 1):
            label = "/".join(path_parts[-length:])
            if sum(other[-length:] == path_parts[-length:] for other in parts) == 1:
                break
        yield path, label
