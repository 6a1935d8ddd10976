"""Linux system calls for which Python has no function."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_PR_SET_NO_NEW_PRIVS = 38


class NotPossible(Exception):  # noqa: N818 - a reason, in words
    """A feature that the system lacks; the message says which."""


def checked(result: int, what: str) -> int:
    """Return the result of a call of the C library, if it is no error.

    Raises:
        NotPossible: the call failed; the message is the system's.
    """
    if result < 0:
        raise NotPossible(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


@cache
def libc() -> ctypes.CDLL:
    """The C library, which keeps `errno` for us."""
    return ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make a system call by its number; below zero is an error."""
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    call = libc().syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *converted))


def no_new_privileges() -> None:
    """Forbid child programs to gain rights, which the kernel requires of users other than root."""
    checked(libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
