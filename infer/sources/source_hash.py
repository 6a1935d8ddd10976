"""The hash of all that a source is converted from, by which later runs know that it is the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..codec import encode
from ..errors import InputError
from ..regular_file import opened_as_named
from ..stated_reads import files_below, stated_reads
from .description import SUFFIXES
from .source import Source

_OF_IMAGES_AND_TABLES = ("numpy", "pillow", "pyarrow")


def source_sha256(source: Source) -> str | None:
    """Compute a SHA-256 of the contents of a source, of what is said of it, and of what reads it.

    Returns:
        None for a function whose file does not say what it reads: it may change from call to call.

    Raises:
        InputError: a file cannot be read.
    """
    whole = hashlib.sha256()
    whole.update(encode(source.described))
    whole.update(f"{source.kind} {source.function} {_versions(source.kind)}\n".encode())
    try:
        files = _files(source)
        if files is None:
            return None
        for name, path in files:
            with opened_as_named(path) as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{digest} {name!r}\n".encode(errors="surrogateescape"))
    except OSError as error:
        where = error.filename or source.named
        raise InputError(f"{where}: cannot be read ({error.strerror or error})") from None
    return whole.hexdigest()


def _files(source: Source) -> Iterator[tuple[str, Path]] | None:
    if source.kind == "function":
        return _files_of_function(source)
    # Below a folder may lie runs, and what is kept of it.
    if source.kind == "saved":  # its files lie in it itself
        (folder,) = source.paths
        return ((path.name, path) for path in sorted(folder.iterdir()) if path.is_file())
    return files_below(source.reads, SUFFIXES if source.kind == "images" else None)


def _files_of_function(source: Source) -> Iterator[tuple[str, Path]] | None:
    """The file of a function, modules and packages beside it, and what it says that it reads."""
    (file,) = source.paths
    stated = stated_reads(file)
    if stated is None:
        return None
    folder = file.parent
    packages = [file.parent for file in folder.glob("*/__init__.py")]
    listed = sorted([*folder.glob("*.py"), *(p for at in packages for p in at.rglob("*.py"))])
    listed += stated
    return (
        (f"{path.relative_to(folder)} {name}", below)
        for path in listed
        for name, below in files_below([path])
    )


@cache
def _versions(kind: str) -> str:
    """The versions of what converts, and our own code for it."""
    names: tuple[str, ...] = _OF_IMAGES_AND_TABLES
    if kind == "function":  # which may import anything
        names = tuple(d.name.lower() for d in importlib.metadata.distributions() if d.name)
    versions = []
    for name in sorted(set(names)):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(name)
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        code.update(path.read_bytes())
    return f"{sys.version} {versions} {code.hexdigest()}"
