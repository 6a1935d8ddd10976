"""What a file of the user's code says that it reads, so that a hash knows when that has changed."""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from .errors import InputError
from .regular_file import opened_as_named

# The list at the top of the file: patterns of files and folders, from the file's own folder.
READS = "EXPORTBENCH_READS"
_MOST_BYTES = 16 << 20  # of the file, which is parsed


def stated_reads(file: Path) -> list[Path] | None:
    """The files and folders that a file says it reads; None if it says nothing.

    Raises:
        InputError: what it says is no list of patterns, or there is nothing of the name.
        OSError: it cannot be read.
    """
    patterns = _patterns(file)
    if patterns is None:
        return None
    folder, found = file.parent, []
    for pattern in patterns:
        try:
            matching = sorted(folder.glob(pattern))
        except (ValueError, NotImplementedError) as error:
            raise InputError(f"{file}: {READS}: '{pattern}' is no pattern ({error})") from None
        if not matching:
            raise InputError(f"{file}: {READS}: there is no '{pattern}' in {folder}")
        found += matching
    return found


def files_below(
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


def _patterns(file: Path) -> list[str] | None:
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
