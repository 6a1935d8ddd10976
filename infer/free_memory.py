"""Memory that is free for this process: of the machine, and of the control groups above it.

In a container the machine tells of all its memory, and the control group of what may be taken.
Workers ask too, in interpreters that may have nothing but NumPy and a runtime.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_PROCESS = Path("/proc/self")
_VM_STAT = "/usr/bin/vm_stat"  # of macOS


@dataclass(frozen=True)
class _Version:
    """Where a version of control groups tells of memory.

    Attributes:
        limits: files with a limit in bytes, or "max".
        used: file with the bytes in use.
        reclaimable: entry of `memory.stat` with the bytes of files that nobody has used of late,
            which the kernel takes back where memory is short.
    """

    limits: tuple[str, ...]
    used: str
    reclaimable: str


_V1 = _Version(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Version(("memory.max", "memory.high"), "memory.current", "inactive_file")


def available_bytes() -> int:
    """Bytes that this process and its children may take until the machine or a limit is reached."""
    return min([_of_machine(), *control_group_rooms(_PROCESS)])


def _of_machine() -> int:
    """Bytes that programs can still get; all that the machine has where it does not tell that."""
    with contextlib.suppress(OSError):
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError):
        import subprocess  # workers on Linux do without

        text = subprocess.run([_VM_STAT], capture_output=True, text=True, check=False).stdout
        size = re.search(r"page size of (\d+) bytes", text)
        pages = re.findall(r"^Pages (?:free|inactive): +(\d+)\.", text, re.MULTILINE)
        if size and pages:
            return int(size[1]) * sum(map(int, pages))
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def control_group_rooms(process: Path) -> list[int]:
    """Bytes that each control group above a process still allows; of those without limit nothing.

    Args:
        process: the process's folder in /proc.
    """
    rooms = []
    for version, folder in _groups(process):
        limits = [_number(folder / name) for name in version.limits]
        used = _number(folder / version.used)
        if used is None or all(limit is None for limit in limits):
            continue
        limit = min(limit for limit in limits if limit is not None)
        rooms.append(max(0, limit - used + _reclaimable(folder, version)))
    return rooms


def _groups(process: Path) -> Iterator[tuple[_Version, Path]]:
    """The control groups of a process and all above it, as far as they are mounted here."""
    try:
        lines = (process / "cgroup").read_text().splitlines()
        mounts = (process / "mountinfo").read_text().splitlines()
    except OSError:
        return
    paths: dict[_Version, str] = {}
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            paths[_V2] = path
        elif "memory" in controllers.split(","):
            paths[_V1] = path
    for line in mounts:
        version, root, place = _mount(line)
        if version in paths:
            below = Path(paths[version])
            is_mounted = below.is_relative_to(root) and ".." not in below.parts
            folder = place / below.relative_to(root) if is_mounted else place
            for group in (folder, *folder.parents):
                if group.is_relative_to(place):
                    yield version, group


def _mount(line: str) -> tuple[_Version | None, str, Path]:
    """Version, root and place of a line of /proc/<pid>/mountinfo; None if it is of others."""
    before, _, after = line.partition(" - ")
    root, place = (_unescaped(field) for field in before.split()[3:5])
    kind, _, options = [*after.split(), "", "", ""][:3]
    version = None
    if kind == "cgroup2":
        version = _V2
    elif kind == "cgroup" and "memory" in options.split(","):
        version = _V1
    return version, root, Path(place)


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _reclaimable(folder: Path, version: _Version) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        return int(dict(line.split() for line in lines).get(version.reclaimable, 0))
    except (OSError, ValueError):
        return 0
