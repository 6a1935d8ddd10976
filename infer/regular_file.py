"""Open files that a stranger may have made: regular ones only, and without following links.

A folder that somebody else writes may hold a link to a file of the user, a pipe that nobody writes
to, or a socket in place of a file. What is checked is what was opened: all is read from one
descriptor, whatever happens to the name meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
# Errors that say what stands in the place of a file or folder, and not that the disk is broken.
_REASONS = {
    errno.ENOENT: "is missing",
    errno.ENOTDIR: "is no folder",
    errno.ELOOP: "is a link",
    errno.ENXIO: "is no regular file",
    errno.EACCES: "may not be read",
    errno.EPERM: "may not be read",
    errno.EAGAIN: "is held by another process",
    errno.ENAMETOOLONG: "has a name that is too long",
}


class NoRegularFileError(ValueError):
    """Something else stands in the place of a file or folder; the message is one line."""


@contextmanager
def opened_folder(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """Open a folder that is no link; yield its descriptor.

    Args:
        path: path of the folder; a name, where there is a parent.
        parent: descriptor of the folder that it is in.

    Raises:
        NoRegularFileError: it is missing, a link, or no folder.
    """
    descriptor = _opened(path, _FLAGS | os.O_DIRECTORY, parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_file(name: str, folder: int, most_bytes: int) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file of a folder; yield it, unbuffered, and its number of bytes.

    Args:
        name: name of the file.
        folder: descriptor of the folder.
        most_bytes: the most bytes that it may have.

    Raises:
        NoRegularFileError: it is missing, larger, a link, a pipe, a device, a socket or a folder.
    """
    # A pipe that nobody writes to would block, and so would a lease on the file.
    descriptor = _opened(name, _FLAGS | os.O_NONBLOCK | os.O_NOCTTY, folder)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NoRegularFileError(f"{name} is no regular file")
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if status.st_size > most_bytes:
            raise NoRegularFileError(
                f"{name} has {status.st_size:,} bytes, more than {most_bytes:,}"
            )
        yield file, status.st_size


@contextmanager
def opened_as_named(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file that the user names, who may name a link to it.

    Raises:
        OSError: it cannot be opened, or is a pipe, a device, a socket or a folder, which might
            block for ever or have no end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is a pipe, a device or a socket, no file", str(path))
        yield file


def read_text_as_named(path: Path, most_bytes: int) -> str:
    """Read a file of text, UTF-8, that the user names.

    Raises:
        OSError: as `opened_as_named`, or it has more bytes.
        UnicodeDecodeError: it is not UTF-8.
    """
    with opened_as_named(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"has more than {most_bytes:,} bytes", str(path))
    return data.decode("utf-8")


def replace_text(path: Path, text: str) -> None:
    """Write a file of text, UTF-8, in a folder that somebody else may have made.

    What stands there is replaced: a link is not followed, and a pipe not written to.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(new, flags, 0o666), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def refuse_links(folder: Path, except_below: str) -> None:
    """Check that a folder holds nothing but regular files and folders.

    Args:
        folder: the folder.
        except_below: name of folders whose content is not looked at.

    Raises:
        NoRegularFileError: it holds a link, a pipe, a device or a socket.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            kind = stat.S_IFMT(os.lstat(os.path.join(place, name)).st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFDIR):
                path = Path(place, name).relative_to(folder)
                what = "a link" if kind == stat.S_IFLNK else "no file"
                raise NoRegularFileError(f"{path} is {what}, which no run makes; remove it")
        folders[:] = [name for name in folders if name != except_below]


def _opened(path: Path | str, flags: int, folder: int | None) -> int:
    try:
        return os.open(path, flags, dir_fd=folder)
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        name = path if folder is not None else Path(path).name
        # A link to a folder, opened as one, is "no folder".
        raise NoRegularFileError(f"{name} {_REASONS[error.errno]}") from None
