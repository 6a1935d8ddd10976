"""The hash of all that a source is converted from, by which later runs know that it is the same."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from ..codec import encode
from ..errors import InputError
from ..regular_file import opened_as_named
from .description import SUFFIXES
from .source import Source

# In a file with a function: what it reads, as patterns of files.
READS = "EXPORTBENCH_READS"
_MOST_BYTES = 16 << 20  # of a file with a function, which is parsed
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
    # Below a folder of images may lie runs, and what is kept of it.
    return _files_below(source.reads, SUFFIXES if source.kind == "images" else None)


def _files_below(
    paths: list[Path], suffixes: Collection[str] | None = None
) -> Iterator[tuple[str, Path]]:
    """All files, by their names below the paths; more than are read, so that none is missed.

    Args:
        paths: files, and folders.
        suffixes: endings of the files that count in folders, in small letters; None for all.
    """
    for path in paths:
        if not path.is_dir():
            yield path.name, path
            continue
        for place, folders, names in os.walk(path, followlinks=False):
            folders.sort()
            for name in sorted(names):
                file = Path(place, name)
                if file.is_file() and (suffixes is None or file.suffix.lower() in suffixes):
                    yield str(file.relative_to(path)), file


def _files_of_function(source: Source) -> Iterator[tuple[str, Path]] | None:
    """The file of a function, modules and packages beside it, and what it says that it reads."""
    (file,) = source.paths
    patterns = _stated_reads(file)
    if patterns is None:
        return None
    folder = file.parent
    packages = [file.parent for file in folder.glob("*/__init__.py")]
    listed = sorted([*folder.glob("*.py"), *(p for at in packages for p in at.rglob("*.py"))])
    for pattern in patterns:
        try:
            matching = sorted(folder.glob(pattern))
        except (ValueError, NotImplementedError) as error:
            raise InputError(f"{file}: {READS}: '{pattern}' is no pattern ({error})") from None
        if not matching:
            raise InputError(f"{file}: {READS}: there is no '{pattern}' in {folder}")
        listed += matching
    return (
        (f"{path.relative_to(folder)} {name}", below)
        for path in listed
        for name, below in _files_below([path])
    )


def _stated_reads(file: Path) -> list[str] | None:
    """What a file says that its function reads; None if it says nothing. Nothing is executed."""
    with opened_as_named(file) as opened:
        text = opened.read(_MOST_BYTES)
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # whoever imports it says what is wrong
    stated = None
    for statement in body:
        if isinstance(statement, ast.AugAssign) and ast.unparse(statement.target) == READS:
            raise InputError(f"{file}: {READS} must be one list; nothing can be added to it")
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        (target,) = statement.targets
        if isinstance(target, ast.Name) and target.id == READS:
            try:
                stated = ast.literal_eval(statement.value)
            except ValueError:
                stated = 0
    if stated is None:
        return None
    if not isinstance(stated, list | tuple) or not all(isinstance(name, str) for name in stated):
        raise InputError(f'{file}: {READS} must be a list of texts, as {READS} = ["data/*.png"]')
    return list(stated)


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
