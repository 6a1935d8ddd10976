"""Landlock: the kernel lets a process write below one folder only, and in a few devices.

The numbers are those of linux/landlock.h.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

from . import cuda_exceptions
from .system_calls import NotPossible, checked, no_new_privileges, system_call

# Landlock, as in linux/landlock.h: rights to write, and since which version there is one.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_CHANGE_TREE = sum(1 << bit for bit in range(4, 13))  # remove and make files of any kind
_REFER = 1 << 13
_SCOPES = 0b11  # abstract sockets, signals
# Versions of Landlock, and the kernels that have them.
TRUNCATION_SINCE, SIGNALS_SINCE = 3, 6
_LINUX = {TRUNCATION_SINCE: "6.2", SIGNALS_SINCE: "6.12"}
_O_PATH = 0o10000000


def lacks(version: int, since: int) -> str | None:
    """Why a version of Landlock cannot do what a later one can; None if it can."""
    if version >= since:
        return None
    return f"Landlock's version {version} cannot; Linux {_LINUX[since]} can"


def close(folder: Path | None) -> int:
    """Let this process, and all that it starts, write below one folder only.

    Args:
        folder: the folder; None for nowhere.

    Returns:
        The version of the kernel's Landlock.

    Raises:
        NotPossible: the kernel has no Landlock.
    """
    version = system_call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise NotPossible("the kernel has no Landlock")
    rights = _WRITE_FILE | _CHANGE_TREE
    rights |= _REFER if version >= 2 else 0
    rights |= _TRUNCATE if version >= TRUNCATION_SINCE else 0
    # No right to the network is handled here: that is what no socket is for.
    handled = struct.pack("QQQ", rights, 0, _SCOPES if version >= SIGNALS_SINCE else 0)
    size = 24 if version >= SIGNALS_SINCE else 8
    rules = checked(system_call(_CREATE_RULESET, handled, size, 0), "Landlock")
    try:
        if folder is not None:
            _allow(rules, str(folder), rights)
        # CUDA names its threads there. The folder stays open for as long as the process is: when
        # memory is short the kernel forgets folders of /proc, and the rule with them.
        _allow(rules, "/proc/self", rights & (_WRITE_FILE | _TRUNCATE), keep=True)
        for device in cuda_exceptions.devices():
            with contextlib.suppress(NotPossible):  # gone, or a link to nothing: it stays closed
                _allow(rules, str(device), rights & (_WRITE_FILE | _TRUNCATE))
        no_new_privileges()
        checked(system_call(_RESTRICT_SELF, rules, 0), "Landlock")
        return version
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int, *, keep: bool = False) -> None:
    try:
        place = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise NotPossible(f"Landlock: {path}: {error.strerror}") from None
    try:
        checked(
            system_call(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0),
            f"Landlock: {path}",
        )
    finally:
        if not keep:
            os.close(place)
