"""Landlock: the kernel lets a process write below one folder only, and read what it needs.

The numbers are those of linux/landlock.h.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from . import cuda_exceptions
from .readable import Readable
from .system_calls import NotPossible, checked, no_new_privileges, system_call

# Landlock, as in linux/landlock.h: rights, and since which version there is one.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CHANGE_TREE = sum(1 << bit for bit in range(4, 13))  # remove and make files of any kind
_REFER = 1 << 13
_SCOPES = 0b11  # abstract sockets, signals
# Versions of Landlock, and the kernels that have them.
TRUNCATION_SINCE, SIGNALS_SINCE = 3, 6
_LINUX = {TRUNCATION_SINCE: "6.2", SIGNALS_SINCE: "6.12"}
_O_PATH = 0o10000000


def limitation(version: int, since: int) -> str | None:
    """Why a version of Landlock cannot do what a later one can; None if it can."""
    if version >= since:
        return None
    return f"Landlock's version {version} cannot; Linux {_LINUX[since]} can"


def close(folder: Path | None, reads: Iterable[Readable]) -> int:
    """Let this process, and all that it starts, write below one folder only, and read little else.

    Args:
        folder: the folder, which may also be read; None for nowhere.
        reads: what else may be read. What does not exist stays closed.

    Returns:
        The version of the kernel's Landlock.

    Raises:
        NotPossible: the kernel has no Landlock.
    """
    version = system_call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise NotPossible("the kernel has no Landlock")
    writing = _WRITE_FILE | _CHANGE_TREE
    writing |= _REFER if version >= 2 else 0
    writing |= _TRUNCATE if version >= TRUNCATION_SINCE else 0
    reading = _READ_FILE | _READ_FOLDER
    # No right to the network is handled here: that is what no socket is for.
    scopes = _SCOPES if version >= SIGNALS_SINCE else 0
    handled = struct.pack("QQQ", writing | reading | _EXECUTE, 0, scopes)
    size = 24 if version >= SIGNALS_SINCE else 8
    rules = checked(system_call(_CREATE_RULESET, handled, size, 0), "Landlock")
    try:
        if folder is not None:
            _allow(rules, str(folder), writing | reading)
        # CUDA names its threads there.
        _allow(rules, "/proc/self", writing & (_WRITE_FILE | _TRUNCATE) | reading)
        for device in cuda_exceptions.devices():
            with contextlib.suppress(NotPossible):  # gone, or a link to nothing: it stays closed
                _allow(rules, str(device), writing & (_WRITE_FILE | _TRUNCATE) | reading)
        for readable in reads:
            rights = _READ_FOLDER if readable.only_names else reading
            with contextlib.suppress(_Absent):
                _allow(rules, str(readable.path), rights | (_EXECUTE if readable.programs else 0))
        no_new_privileges()
        checked(system_call(_RESTRICT_SELF, rules, 0), "Landlock")
        return version
    finally:
        os.close(rules)


class _Absent(NotPossible):
    """A path that cannot be opened."""


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise _Absent(f"Landlock: {path}: {error.strerror}") from None
    try:
        rights &= -1 if stat.S_ISDIR(os.fstat(place).st_mode) else _OF_FILES
        checked(
            system_call(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0),
            f"Landlock: {path}",
        )
    finally:
        # What is in /proc stays open for as long as the process is: when memory is short the kernel
        # forgets it, and the rule with it.
        if not path.startswith("/proc/"):
            os.close(place)
