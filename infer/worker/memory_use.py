"""The memory that a worker and all that it has started hold together, as seen from outside.

A limit on the address space would end runtimes that reserve much of it and use little, and few
users may make a control group. So it is counted from /proc:

- resident memory of each process. Where that is over the limit, what processes share is counted
  once (proportional set size); that takes milliseconds, so it is not done before;
- files in memory (memfd) that a process has open, mapped or not;
- shared memory that is mapped but neither resident nor open: no more than the mappings, and no more
  than the machine's shared memory has grown since the worker was started.

Not counted is what only the kernel sees: files in memory that are on their way through a socket,
and pages of large fixed sizes, which an administrator has to set aside.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from .process_group import ProcessGroup

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
# A count of the group may take this share of the time, and it is made this often at least.
_SHARE, _LONGEST_S = 0.005, 1.0

File = tuple[int, int]  # device and inode


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - it is read often
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def machines_shared_bytes() -> int:
    """Shared memory of the machine, files in memory included; 0 if it does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Shmem:")), 0)


class MemoryUse:
    """What a process group holds; made when it starts.

    Attributes:
        processes: how many there were at the last count.

    Args:
        group: the process group.
    """

    def __init__(self, group: ProcessGroup) -> None:
        self.processes = 1
        self._group = group
        self._shared_before = machines_shared_bytes()
        self._next = 0.0

    def held_bytes(self, limit: int) -> int:
        """Bytes that the group holds, or the worker alone where it was counted a moment ago.

        Args:
            limit: bytes up to which a sum that counts too much is good enough.
        """
        held = resident_bytes(self._group.pid)
        if held > limit or time.monotonic() < self._next:
            return held
        begin = time.thread_time()
        members = self._group.members()
        self.processes = len(members)
        held = self._counted(members, limit)
        seconds = time.thread_time() - begin
        self._next = time.monotonic() + min(seconds / _SHARE, _LONGEST_S)
        return held

    def _counted(self, members: Sequence[int], limit: int) -> int:
        open_files: dict[File, int] = {}
        for member in members:
            open_files |= _open_files(member)
        in_files = sum(open_files.values())
        grown = max(0, machines_shared_bytes() - self._shared_before - in_files)
        held = sum(map(resident_bytes, members)) + in_files
        if held + grown <= limit:
            return held
        sets = [_proportional_set(member) for member in members]
        unshared = sum(size for size, _ in sets)
        shared = sum(size for _, size in sets)
        if unshared > limit:
            return unshared
        if unshared + shared + in_files + grown <= limit:
            return unshared + shared + in_files
        return in_files + _mapped_bytes(members, open_files, grown)


def _open_files(pid: int) -> dict[File, int]:
    """Bytes of the files in memory that a process has open."""
    files: dict[File, int] = {}
    folder = f"/proc/{pid}/fd"
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return files
    for name in names:
        try:
            if _is_in_memory(os.readlink(f"{folder}/{name}")):  # noqa: PTH115 - as above
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116
                files[status.st_dev, status.st_ino] = status.st_blocks * 512
        except OSError:
            continue
    return files


def _is_in_memory(path: str) -> bool:
    """Whether a path of /proc is of memory that has no name: nobody else has made it."""
    return path.startswith(("/memfd:", "/dev/zero (deleted)"))


def _proportional_set(pid: int) -> tuple[int, int]:
    """Bytes that a process maps, with its part of what it shares: other memory, shared memory."""
    sizes = {"Pss": 0, "Pss_Shmem": 0}
    try:
        with open(f"/proc/{pid}/smaps_rollup") as lines:  # noqa: PTH123
            for line in lines:
                name, _, value = line.partition(":")
                if name in sizes:
                    sizes[name] = int(value.split()[0]) << 10
    except OSError:  # it has ended, or the kernel is older than 4.14
        pass
    return sizes["Pss"] - sizes["Pss_Shmem"], sizes["Pss_Shmem"]


def _mapped_bytes(members: Iterable[int], open_files: dict[File, int], grown: int) -> int:
    """Bytes that processes map, what they share once, without the open files in memory.

    Args:
        members: their process IDs.
        open_files: files in memory that are counted already.
        grown: bytes by which the machine's shared memory has grown beyond these files.
    """
    resident = shared = 0.0
    sizes: dict[File, int] = {}
    for member in members:
        for file, path, size, proportional in _mappings(member):
            if not _is_in_memory(path):
                resident += proportional
            elif file not in open_files:
                shared += proportional
                sizes[file] = sizes.get(file, 0) + size
    hidden = min(max(0.0, grown - shared), max(0.0, sum(sizes.values()) - shared))
    return int(resident + shared + hidden)


def _mappings(pid: int) -> Iterable[tuple[File, str, int, float]]:
    """File, its path, size and proportional set size in bytes of each mapping of a process."""
    try:
        with open(f"/proc/{pid}/smaps", errors="replace") as lines:  # noqa: PTH123
            file, path, size = (0, 0), "", 0
            for line in lines:
                if line.startswith("Size:"):
                    size = int(line.split()[1]) << 10
                elif line.startswith("Pss:"):
                    yield file, path, size, float(line.split()[1]) * 1024
                elif not line[0].isupper():
                    _, _, _, device, inode, *rest = line.split(None, 5)
                    major, minor = (int(part, 16) for part in device.split(":"))
                    file, path = (os.makedev(major, minor), int(inode)), (rest or [""])[0].strip()
    except (OSError, ValueError):
        return
