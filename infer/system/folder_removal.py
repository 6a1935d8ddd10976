"""Remove a folder that a stranger has filled, in a limited time, and nothing outside of it.

Links are removed, not followed. Deep folders are lifted to the top of the tree, so that neither its
depth nor the length of a path matters. Folders that may not be read are made
readable. What cannot be removed stays.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from pathlib import Path

LIMIT_S = 10.0
# Folders within folders that are open at a time.
_MOST_OPEN = 50
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH = getattr(os, "O_PATH", os.O_RDONLY)  # Linux


def remove_folder(path: Path, limit_s: float = LIMIT_S) -> bool:
    """Remove a folder with all that it holds.

    Args:
        path: the folder; only its own name is of a stranger, not the folder that it is in.
        limit_s: seconds that it may take.

    Returns:
        Whether it is gone.
    """
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return not path.parent.exists()
    try:
        return _Removal(time.monotonic() + limit_s).remove(path.name, parent)
    finally:
        os.close(parent)


class _Removal:
    """Removes a tree until a deadline, as `time.monotonic` has it."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._lifted = 0
        self._prefix = f".{secrets.token_hex(8)}"  # nobody has a file of this name

    def remove(self, name: str, parent: int) -> bool:
        """Remove a file or a folder of a parent folder; return whether it is gone."""
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            if not stat.S_ISDIR(mode):
                os.unlink(name, dir_fd=parent)
                return True
            top = _open(name, parent)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            # What is lifted meanwhile is removed by a later pass.
            while self._empty(top, top, 0):
                pass
        finally:
            os.close(top)
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError:
            return False
        return True

    def _empty(self, folder: int, top: int, depth: int) -> bool:
        """Remove the files and folders of a folder; return whether something was removed."""
        removed = False
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if time.monotonic() > self._deadline:
                    return False
                with contextlib.suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.name, dir_fd=folder)
                    elif depth == _MOST_OPEN:
                        self._lift(entry.name, folder, top)
                    else:
                        self._remove_folder(entry.name, folder, top, depth)
                    removed = True
        return removed

    def _remove_folder(self, name: str, folder: int, top: int, depth: int) -> None:
        inner = _open(name, folder)
        try:
            self._empty(inner, top, depth + 1)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)

    def _lift(self, name: str, folder: int, top: int) -> None:
        """Move a folder to the top of the tree."""
        self._lifted += 1
        lifted = f"{self._prefix}-{self._lifted}"
        try:
            os.rename(name, lifted, src_dir_fd=folder, dst_dir_fd=top)
        except PermissionError:  # it may not be written, so that it cannot get another parent
            _make_accessible(name, folder)
            os.rename(name, lifted, src_dir_fd=folder, dst_dir_fd=top)


def _open(name: str, parent: int) -> int:
    """Open a folder that can be read and written, after it was made so where it is ours."""
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
        if os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=descriptor):
            return descriptor
        os.close(descriptor)
    except PermissionError:
        pass
    _make_accessible(name, parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _make_accessible(name: str, parent: int) -> None:
    """Give the owner all rights to a folder; by its descriptor, so that no link is followed."""
    descriptor = os.open(name, _PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{descriptor}").chmod(0o700)
    finally:
        os.close(descriptor)
