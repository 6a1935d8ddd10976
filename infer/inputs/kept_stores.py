"""Stores that are kept from run to run, known by hash, where the user says so."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..regular_file import opened_as_named

# Names a folder of the user's.
VARIABLE = "EXPORTBENCH_INPUTS_CACHE"
# Bytes from which on it is announced what is written.
LARGE_BYTES = 100_000_000
# A store while it is written, beside those that are whole.
_BEGUN = re.compile(r"\.[0-9a-f]{64}-\w+")


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


@contextmanager
def begun_store(place: Path) -> Iterator[Path]:
    """A new folder beside the place of a store, to be written and renamed; removed at the end.

    Others that were begun and that no process writes any more are removed: a process that is killed
    leaves its own.

    Raises:
        OSError: it cannot be made.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    # Process IDs are no names: containers that share the folder may have equal ones.
    begun = place.with_name(f".{place.name}-{uuid4().hex}")
    with _alone_in(place.parent):
        _remove_left(place.parent)
        begun.mkdir()
        lock = _opened_lock(begun)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield begun
    finally:
        shutil.rmtree(begun, ignore_errors=True)
        os.close(lock)


def _remove_left(folder: Path) -> None:
    """Remove what was begun in a folder and is locked by nobody."""
    for path in folder.iterdir():
        if not _BEGUN.fullmatch(path.name) or path.is_symlink():
            continue
        try:
            lock = _opened_lock(path)
        except OSError:  # it is another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:  # it is being written
            continue
        finally:
            os.close(lock)


def _opened_lock(begun: Path) -> int:
    return os.open(begun / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others out that begin stores: whoever looks finds each of them locked."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems have no locks of folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def when_removed(*, kept: bool) -> str:
    """What becomes of a large store, in words."""
    if kept:
        return "later runs find them there; remove the folder to free the disk"
    return f"removed when the run ends; {VARIABLE}=FOLDER keeps them for later runs"
