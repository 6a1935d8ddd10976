"""Isolate a process that opens artifacts: no network, no reading and writing but what it needs.

Artifacts may hold programs. Three doors of the Linux kernel are closed, each for good, for the
process and all that it starts, and without rights or programs of ours:

- seccomp (infer.sandbox.seccomp): no new sockets, no other permissions and owners of files, no
  calls on other processes. All that it starts stays in its process group.
- Landlock (infer.sandbox.landlock): files are written, made and removed below one folder only,
  and in the devices that GPUs are used through; read is what infer.sandbox.readable lists.
  Processes outside cannot be traced, nor signalled from Linux 6.12 on; before, the filter refuses
  signals.
- capabilities: root keeps nothing but the right to read and write files.

A network namespace would do less: it leaves the sockets of this machine open, and where most
people run this (containers, Ubuntu) nobody but root may make one.

What is open all the same, for GPUs, is in infer.sandbox.cuda_exceptions.

Only the standard library is used, no thread is running yet when this is called, and nothing costs
anything in a call of a model: the kernel remembers which system calls the filter allows whatever
their arguments are, and Landlock looks at the opening of files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from . import landlock, seccomp
from .readable import readable
from .system_calls import NotPossible, checked, libc, no_new_privileges

# Where it is "off" a worker may do as the user may: for accelerators that are reached by a socket.
VARIABLE = "EXPORTBENCH_ISOLATION"
HOME = ".home"  # in the folder of a worker: what stands for the user's home and for /tmp
LAYERS = ("landlock", "seccomp", "capabilities")
# The network; reading what it does not need; writing outside of the folder, and cutting files short
# by name; signals to others, their limits and priorities and leaving the process group; the rights
# of root.
RESTRICTIONS = ("network", "reads", "writes", "truncation", "signals", "processes", "capabilities")
_HOMES = ("HOME", "TMPDIR", "XDG_CACHE_HOME")
# Where the user has set one of these it leads elsewhere; unset, each follows one of the above.
_ELSEWHERE = (
    *("TMP", "TEMP", "TEST_TMPDIR", "PYTORCH_KERNEL_CACHE_PATH", "TORCHINDUCTOR_CACHE_DIR"),
    *("TRITON_HOME", "TRITON_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "TF_JIT_CACHE_DIR"),
)


_KEPT_CAPABILITIES = 0b110  # to go past the permissions of files
_CAPABILITY_VERSION = 0x20080522


def isolate(
    folder: Path | None,
    *,
    cuda: bool = False,
    layers: Collection[str] = LAYERS,
    reads: Sequence[Path] = (),
    withheld: Sequence[Path] = (),
) -> dict[str, str | None]:
    """Apply the restrictions; those that the system does not support are skipped.

    Args:
        folder: the only folder where files may be written; None for nowhere.
        cuda: whether the CUDA driver must be able to start in this process.
        layers: layers of LAYERS to apply; fewer than all to find the one that a program cannot run
            with.
        reads: files and folders that may be read beside what the interpreter and runtimes need.
        withheld: files and folders that may not, though they lie in one that may.

    Returns:
        For each of RESTRICTIONS: None if it is in force, otherwise why it is not.
    """
    if os.environ.get(VARIABLE) == "off":
        return dict.fromkeys(RESTRICTIONS, f"{VARIABLE} is off")
    if sys.platform != "linux":
        return dict.fromkeys(RESTRICTIONS, "only Linux can")
    may_read = readable(reads, withheld)  # before the home is another
    if folder is not None:
        _move_home(folder / HOME)
    version = 0
    missing: dict[str, str] = {}  # why a layer is not in force
    for layer in LAYERS:
        try:
            if layer not in layers:
                raise NotPossible("not asked for")
            if layer == "landlock":
                version = landlock.close(folder, may_read)
            elif layer == "seccomp":
                seccomp.close(cuda=cuda, signals=version < landlock.SIGNALS_SINCE)
            else:
                _drop_capabilities()
        except NotPossible as reason:
            missing[layer] = str(reason)
    writes, filtered = missing.get("landlock"), missing.get("seccomp")
    signals = filtered and (writes or landlock.limitation(version, landlock.SIGNALS_SINCE))
    return {
        "network": filtered,
        "reads": writes,
        "writes": writes,
        "truncation": writes or landlock.limitation(version, landlock.TRUNCATION_SINCE),
        "signals": signals and f"{signals}; {filtered}",
        "processes": filtered,
        "capabilities": missing.get("capabilities"),
    }


def _move_home(home: Path) -> None:
    """Redirect caches and temporary files of runtimes to the folder."""
    with contextlib.suppress(OSError):  # a full disk shows when outputs are written
        home.mkdir(parents=True, exist_ok=True)
    os.environ.update(dict.fromkeys(_HOMES, str(home)))
    # Or else who wants to know reads the list of accounts, which is closed.
    os.environ.setdefault("LOGNAME", "worker")
    os.environ["CUDA_CACHE_PATH"] = str(home / "cuda")  # kernels compiled for the card
    for name in _ELSEWHERE:
        os.environ.pop(name, None)


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
