"""Isolate a process that opens artifacts: no network, no writing outside its folder.

Artifacts may hold programs. Three doors of the Linux kernel are closed, each for good, for the
process and all that it starts, and without rights or programs of ours:

- seccomp (infer.sandbox.seccomp): no new sockets, no other permissions and owners of files.
- Landlock: files are written, made and removed below one folder only, and in the devices that
  GPUs are used through. Processes outside cannot be traced or signalled.
- capabilities: root keeps nothing but the right to read and write files.

A network namespace would do less: it leaves the sockets of this machine open, and where most
people run this (containers, Ubuntu) nobody but root may make one.

Nothing below /dev/shm may be written, by workers on cuda neither. What CUDA makes there
(cuda.shm.*) is for handing memory and events to other processes, which no worker does; other
sandboxes that give no right to it run CUDA without. Landlock knows no patterns of names: who may
make one file there may alter the shared memory of every other program, and with it the result of
another artifact.

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
from collections.abc import Collection
from pathlib import Path

from . import seccomp
from .system_calls import NotPossible, checked, libc, no_new_privileges, system_call

# Where it is "off" a worker may do as the user may: for accelerators that are reached by a socket.
VARIABLE = "EXPORTBENCH_ISOLATION"
HOME = ".home"  # in the folder of a worker: what stands for the user's home and for /tmp
LAYERS = ("landlock", "seccomp", "capabilities")
_HOMES = ("HOME", "TMPDIR", "XDG_CACHE_HOME")
# Where the user has set one of these it leads elsewhere; unset, each follows one of the above.
_ELSEWHERE = (
    *("TMP", "TEMP", "TEST_TMPDIR", "PYTORCH_KERNEL_CACHE_PATH", "TORCHINDUCTOR_CACHE_DIR"),
    *("TRITON_HOME", "TRITON_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "TF_JIT_CACHE_DIR"),
)

# Landlock, as in linux/landlock.h: rights to write, and since which version there is one.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_CHANGE_TREE = sum(1 << bit for bit in range(4, 13))  # remove and make files of any kind
_REFER = 1 << 13
_SCOPES = 0b11  # abstract sockets, signals
_O_PATH = 0o10000000
_DEVICE_FOLDER = Path("/dev")
_DEVICES = ("null", "zero", "dri", "kfd", "dxg")  # and what begins with nvidia

_KEPT_CAPABILITIES = 0b110  # to go past the permissions of files
_CAPABILITY_VERSION = 0x20080522


def isolate(
    folder: Path | None, *, cuda: bool = False, layers: Collection[str] = LAYERS
) -> dict[str, str | None]:
    """Apply the restrictions; those that the system does not support are skipped.

    Args:
        folder: the only folder where files may be written; None for nowhere.
        cuda: whether the CUDA driver must be able to start in this process.
        layers: layers of LAYERS to apply; fewer than all to find the one that a program cannot run
            with.

    Returns:
        For "network" and "writes": None if it is blocked, otherwise why it is not.
    """
    if os.environ.get(VARIABLE) == "off":
        return dict.fromkeys(("network", "writes"), f"{VARIABLE} is off")
    if folder is not None:
        _move_home(folder / HOME)
    result: dict[str, str | None] = {}
    for name, layer, close in (
        ("writes", "landlock", lambda: _landlock(folder)),
        ("network", "seccomp", lambda: seccomp.close(cuda=cuda)),
    ):
        try:
            if sys.platform != "linux":
                raise NotPossible("only Linux can")
            if layer not in layers:
                raise NotPossible("not asked for")
            close()
            result[name] = None
        except NotPossible as reason:
            result[name] = str(reason)
    if sys.platform == "linux" and "capabilities" in layers:
        with contextlib.suppress(NotPossible):
            _drop_capabilities()
    return result


def _move_home(home: Path) -> None:
    """Redirect caches and temporary files of runtimes to the folder."""
    with contextlib.suppress(OSError):  # a full disk shows when outputs are written
        home.mkdir(parents=True, exist_ok=True)
    os.environ.update(dict.fromkeys(_HOMES, str(home)))
    os.environ["CUDA_CACHE_PATH"] = str(home / "cuda")  # kernels compiled for the card
    for name in _ELSEWHERE:
        os.environ.pop(name, None)


def _landlock(folder: Path | None) -> None:
    version = system_call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        raise NotPossible("the kernel has no Landlock")
    rights = _WRITE_FILE | _CHANGE_TREE
    rights |= _REFER if version >= 2 else 0
    rights |= _TRUNCATE if version >= 3 else 0
    # No right to the network is handled here: that is what no socket is for.
    handled = struct.pack("QQQ", rights, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 8
    rules = checked(system_call(_CREATE_RULESET, handled, size, 0), "Landlock")
    try:
        if folder is not None:
            _allow(rules, str(folder), rights)
        # CUDA names its threads there. The folder stays open for as long as the process is: when
        # memory is short the kernel forgets folders of /proc, and the rule with them.
        _allow(rules, "/proc/self", rights & (_WRITE_FILE | _TRUNCATE), keep=True)
        for device in _DEVICE_FOLDER.glob("*"):
            if device.name in _DEVICES or device.name.startswith("nvidia"):
                with contextlib.suppress(
                    NotPossible
                ):  # gone, or a link to nothing: it stays closed
                    _allow(rules, str(device), rights & (_WRITE_FILE | _TRUNCATE))
        no_new_privileges()
        checked(system_call(_RESTRICT_SELF, rules, 0), "Landlock")
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


def _drop_capabilities() -> None:
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    checked(libc().capget(header, held), "capabilities")
    effective, permitted, _, *_ = struct.unpack("6I", held.raw)
    kept = struct.pack(
        "6I", effective & _KEPT_CAPABILITIES, permitted & _KEPT_CAPABILITIES, 0, 0, 0, 0
    )
    no_new_privileges()
    checked(libc().capset(header, kept), "capabilities")
