"""What a process that opens artifacts may not do: use the network, or write outside of its folder.

Artifacts may hold programs. Three doors of the Linux kernel are closed, each for good, for the
process and all that it starts, and without rights or programs of ours:

- seccomp: no new sockets, of the internet or of this machine (a daemon's socket is as good as a
  shell), nor io_uring, which would make them without a system call; socketpair stays. No other
  permissions and owners of files, which Landlock leaves open.
- Landlock: files are written, made and removed below one folder only, and in the devices that
  GPUs are used through. Processes outside cannot be traced or signalled.
- capabilities: root keeps nothing but the right to read and write files.

A network namespace would do less: it leaves the sockets of this machine open, and where most
people run this (containers, Ubuntu) nobody but root may make one.

Only the standard library is used, no thread is running yet when this is called, and nothing costs
anything in a call of a model: the filter looks at the number of a system call, which the kernel
remembers, and Landlock at the opening of files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from pathlib import Path

# Where it is "off" a worker may do as the user may: for accelerators that are reached by a socket.
VARIABLE = "EXPORTBENCH_ISOLATION"
HOME = ".home"  # in the folder of a worker: what stands for the user's home and for /tmp

_EPERM = 1
_PR_SET_NO_NEW_PRIVS = 38

# seccomp: system calls by their number, and the number of the architecture (linux/audit.h).
_SECCOMP_SET_MODE_FILTER = 1
_SPEC_ALLOW = 1 << 2  # or else kernels before 5.16 slow the process down, against Spectre
# Of the architecture itself, of seccomp, and of those that are refused: socket; chmod, fchmod,
# fchmodat, chown, fchown, lchown, fchownat; setxattr, removexattr and their like.
_ARCHITECTURES = {
    "x86_64": (
        *(0xC000003E, 317),
        (41, 90, 91, 268, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199),
    ),
    "aarch64": (0xC00000B7, 277, (198, 52, 53, 55, 54, 5, 6, 7, 14, 15, 16)),
}
_EVERYWHERE = (425, 452, 463, 466)  # io_uring_setup, fchmodat2, setxattrat, removexattrat
_X32 = 0x40000000  # a second numbering on x86_64
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | _EPERM

# Landlock, as in linux/landlock.h: rights to write, and since which version there is one.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_CHANGE_TREE = sum(1 << bit for bit in range(4, 13))  # remove and make files of any kind
_REFER = 1 << 13
_SCOPES = 0b11  # abstract sockets, signals
_O_PATH = 0o10000000
_DEVICES = ("null", "zero", "dri", "kfd", "dxg")  # and what begins with nvidia

_KEPT_CAPABILITIES = 0b110  # to go past the permissions of files
_CAPABILITY_VERSION = 0x20080522


class _NotPossible(Exception):  # noqa: N818 - a reason, in words
    """What this system does not have."""


def isolate(folder: Path | None) -> dict[str, str | None]:
    """Close the doors; what cannot be closed stays open.

    Args:
        folder: the only one where files may be written; None for nowhere.

    Returns:
        For "network" and "writes": None where it is closed, and else why it is not.
    """
    if os.environ.get(VARIABLE) == "off":
        return dict.fromkeys(("network", "writes"), f"{VARIABLE} is off")
    if folder is not None:
        _move_home(folder / HOME)
    result: dict[str, str | None] = {}
    for name, close in (("writes", lambda: _landlock(folder)), ("network", _seccomp)):
        try:
            if sys.platform != "linux":
                raise _NotPossible("only Linux can")
            close()
            result[name] = None
        except _NotPossible as reason:
            result[name] = str(reason)
    if sys.platform == "linux":
        with contextlib.suppress(_NotPossible):
            _drop_capabilities()
    return result


def _move_home(home: Path) -> None:
    """Have caches and temporary files of runtimes go below the folder."""
    with contextlib.suppress(OSError):  # a full disk shows when outputs are written
        home.mkdir(parents=True, exist_ok=True)
    os.environ.update(dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(home)))


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise _NotPossible(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _system_call(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    call = _libc().syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *converted))


def _no_new_privileges() -> None:
    _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def _seccomp() -> None:
    machine = os.uname().machine
    known = _ARCHITECTURES.get(machine)
    if known is None:
        raise _NotPossible(f"the system calls of {machine} are not known here")
    architecture, seccomp, refused = known
    calls = (*refused, *_EVERYWHERE)
    lines = [  # code, lines to skip if it holds, if not, operand
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 0, len(calls) + 3, architecture),
        (_LOAD, 0, 0, 0),  # the number
        (_AT_LEAST, len(calls) + 1, 0, _X32),
        *((_EQUAL, len(calls) - index, 0, call) for index, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    header = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program))
    _no_new_privileges()
    _checked(_system_call(seccomp, _SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW, header), "seccomp")


def _landlock(folder: Path | None) -> None:
    version = _system_call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise _NotPossible("the kernel has no Landlock")
    rights = _WRITE_FILE | _CHANGE_TREE
    rights |= _REFER if version >= 2 else 0
    rights |= _TRUNCATE if version >= 3 else 0
    # No right to the network is handled here: that is what no socket is for.
    handled = struct.pack("QQQ", rights, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 8
    rules = _checked(_system_call(_CREATE_RULESET, handled, size, 0), "Landlock")
    try:
        if folder is not None:
            _allow(rules, str(folder), rights)
        # CUDA names its threads there.
        _allow(rules, "/proc/self", rights & (_WRITE_FILE | _TRUNCATE))
        for device in Path("/dev").glob("*"):
            if device.name in _DEVICES or device.name.startswith("nvidia"):
                _allow(rules, str(device), rights & (_WRITE_FILE | _TRUNCATE))
        _no_new_privileges()
        _checked(_system_call(_RESTRICT_SELF, rules, 0), "Landlock")
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise _NotPossible(f"Landlock: {path}: {error.strerror}") from None
    try:
        _checked(
            _system_call(_ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0),
            f"Landlock: {path}",
        )
    finally:
        os.close(place)


def _drop_capabilities() -> None:
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    _checked(_libc().capget(header, held), "capabilities")
    effective, permitted, _, *_ = struct.unpack("6I", held.raw)
    kept = struct.pack(
        "6I", effective & _KEPT_CAPABILITIES, permitted & _KEPT_CAPABILITIES, 0, 0, 0, 0
    )
    _no_new_privileges()
    _checked(_libc().capset(header, kept), "capabilities")
