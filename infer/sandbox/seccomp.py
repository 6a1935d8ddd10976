"""The system call filter of workers, which blocks the network and connections to daemons.

No new sockets, of the internet or of this machine (a daemon's socket is as good as a shell), nor
io_uring, which would make them without a system call. Pairs of connected sockets stay, since
processes talk to their children by them; not of datagrams, which may be sent to any name. No
other permissions and owners of files, which Landlock leaves open.

A worker on cuda may make one kind of socket more (infer.sandbox.cuda_exceptions).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from . import cuda_exceptions
from .system_calls import NotPossible, checked, no_new_privileges, system_call

_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2  # or else kernels before 5.16 slow the process down, against Spectre

# Of the architecture (linux/audit.h), of seccomp, and of what is refused, wholly or in part.
_ARCHITECTURES = {
    "x86_64": (0xC000003E, 317),
    "aarch64": (0xC00000B7, 277),
}
_NUMBERS = {
    "x86_64": {
        "socket": 41,
        "connect": 42,
        "accept": 43,
        "socketpair": 53,
        "chmod": 90,
        "fchmod": 91,
        "chown": 92,
        "fchown": 93,
        "lchown": 94,
        "setxattr": 188,
        "lsetxattr": 189,
        "fsetxattr": 190,
        "removexattr": 197,
        "lremovexattr": 198,
        "fremovexattr": 199,
        "fchownat": 260,
        "fchmodat": 268,
        "accept4": 288,
    },
    "aarch64": {
        "setxattr": 5,
        "lsetxattr": 6,
        "fsetxattr": 7,
        "removexattr": 14,
        "lremovexattr": 15,
        "fremovexattr": 16,
        "fchmod": 52,
        "fchmodat": 53,
        "fchownat": 54,
        "fchown": 55,
        "socket": 198,
        "socketpair": 199,
        "accept": 202,
        "connect": 203,
        "accept4": 242,
    },
}
_EVERYWHERE = {"io_uring_setup": 425, "fchmodat2": 452, "setxattrat": 463, "removexattrat": 466}
_X32 = 0x40000000  # a second numbering on x86_64

_UNIX, _STREAM, _SEQPACKET = 1, 1, 5
_TYPE = 0xF  # beside it, flags such as SOCK_CLOEXEC

# struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000  # the latter with an error's number


@dataclass(frozen=True)
class _Argument:
    """The allowed values of a system call's argument, a C `int`.

    Only its lower half is looked at: the kernel drops the upper one of an `int`, where callers
    leave what they like.
    """

    index: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF


_Rule = tuple[_Argument, ...]
_PAIR: _Rule = (_Argument(0, (_UNIX,)), _Argument(1, (_STREAM, _SEQPACKET), _TYPE))
_LISTENER: _Rule = (
    _Argument(0, (cuda_exceptions.SOCKET_FAMILY,)),
    _Argument(1, (cuda_exceptions.SOCKET_TYPE,), _TYPE),
)


class _Program:
    """Instructions of the kernel's packet filter, whose jumps go to labels."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, str | None, str | None, int]] = []
        self._labels: dict[str, int] = {}

    def add(
        self, code: int, operand: int, then: str | None = None, else_: str | None = None
    ) -> None:
        """An instruction; a jump goes on with the next one where no label is given."""
        self._lines.append((code, then, else_, operand))

    def label(self, name: str) -> None:
        """Set a label at the next instruction."""
        self._labels[name] = len(self._lines)

    def assembled(self) -> list[bytes]:
        """`struct sock_filter` by `struct sock_filter`; jumps are forward and below 256."""
        return [
            struct.pack("HBBI", code, self._skip(here, then), self._skip(here, else_), operand)
            for here, (code, then, else_, operand) in enumerate(self._lines)
        ]

    def _skip(self, here: int, label: str | None) -> int:
        return 0 if label is None else self._labels[label] - here - 1


def program(machine: str, *, cuda: bool) -> list[bytes]:
    """Build the filter's instructions.

    Args:
        machine: the architecture, as in `uname -m`.
        cuda: whether the socket that the CUDA driver makes is allowed.

    Raises:
        NotPossible: the system calls of this architecture are not known here.
    """
    if machine not in _ARCHITECTURES:
        raise NotPossible(f"the system calls of {machine} are not known here")
    numbers = _NUMBERS[machine] | _EVERYWHERE
    looked_at = {"socketpair": _PAIR} | ({"socket": _LISTENER} if cuda else {})
    lines = _Program()
    lines.add(_LOAD, _ARCHITECTURE)
    lines.add(_EQUAL, _ARCHITECTURES[machine][0], else_="refuse")
    lines.add(_LOAD, _NUMBER)
    lines.add(_AT_LEAST, _X32, then="refuse")
    for name, number in numbers.items():
        verdict = "absent" if cuda and name == "connect" else "refuse"
        lines.add(_EQUAL, number, then=name if name in looked_at else verdict)
    lines.add(_RETURN, _ALLOW)
    for name, rule in looked_at.items():
        lines.label(name)
        _check(lines, name, rule)
    lines.label("refuse")
    lines.add(_RETURN, _FAIL | errno.EPERM)
    lines.label("absent")
    lines.add(_RETURN, _FAIL | cuda_exceptions.CONNECT_ERROR)
    return lines.assembled()


def _check(lines: _Program, name: str, rule: Iterable[_Argument]) -> None:
    """Refuse the call unless each argument is one of its values."""
    for argument in rule:
        passed = f"{name}, argument {argument.index} passed"
        # Both architectures are little-endian: the lower half comes first.
        lines.add(_LOAD, _ARGUMENTS + 8 * argument.index)
        lines.add(_AND, argument.mask)
        for value in argument.values[:-1]:
            lines.add(_EQUAL, value, then=passed)
        lines.add(_EQUAL, argument.values[-1], else_="refuse")
        lines.label(passed)
    lines.add(_RETURN, _ALLOW)


def close(*, cuda: bool) -> None:
    """Set the filter for this process and all that it starts.

    Raises:
        NotPossible: this system has no such filter.
    """
    machine = os.uname().machine
    lines = program(machine, cuda=cuda)
    instructions = ctypes.create_string_buffer(b"".join(lines))
    header = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(instructions))
    no_new_privileges()
    number = _ARCHITECTURES[machine][1]
    checked(system_call(number, _SET_MODE_FILTER, _SPEC_ALLOW, header), "seccomp")
