"""What an isolated process may read: what its interpreter and runtime need, and what it is given.

Everything else is closed, in particular the user's home, the project, true labels, other artifacts
and their outputs, and what the kernel tells of other processes. An environment in the home or in a
project is open without what lies beside it.

The process looks for itself, before it imports anything: it knows where its interpreter, which may
be another one than the controller's, finds modules.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Programs and libraries of the system. Containers often keep a project in /usr/src/app, /usr/app or
# /usr/local/app, so these two folders are not open as a whole.
_SYSTEM_PARTS = (
    *("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "include", "share"),
    *("x86_64-linux-gnu", "aarch64-linux-gnu"),
)
_PROGRAMS = (
    *(f"{folder}/{part}" for folder in ("/usr", "/usr/local") for part in _SYSTEM_PARTS),
    *("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *("/opt/cuda", "/opt/rocm", "/opt/intel", "/opt/rh", "/run/opengl-driver"),
)
# Patterns of folders of libraries in /usr/local, which have a version in their name.
_LOCAL_TOOLKITS = ("cuda*", "nvidia*", "[tT]ensor[rR][tT]*", "rocm*")
# Folders of installed packages, wherever they lie: libraries and data of packages lie beside them.
_INSTALLED = ("site-packages", "dist-packages")
# How the system finds libraries and shows time, and what OpenSSL reads when it is imported.
_SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload"),
    *(
        "/etc/localtime",
        "/etc/timezone",
        "/etc/os-release",
        "/etc/nv_tegra_release",
        "/etc/OpenCL",
        "/etc/vulkan",
    ),
    *("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# The machine, without other processes: /proc itself would show their command lines.
_MACHINE = (
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems"),
    *("/proc/devices", "/proc/modules", "/proc/uptime", "/proc/loadavg", "/proc/vmstat"),
    *("/proc/cgroups", "/proc/driver", "/proc/sys", "/sys/devices", "/sys/class", "/sys/bus"),
    *("/sys/dev", "/sys/module", "/sys/fs/cgroup", "/sys/kernel/mm"),
)
# Parts of an environment, which may lie in a project's own folder.
_PARTS = (
    *("bin", "lib", "lib32", "lib64", "libexec", "include", "share", "targets", "nvvm"),
    *("pyvenv.cfg", "x86_64-conda-linux-gnu", "aarch64-conda-linux-gnu"),
)
# Variables that name a folder of programs and libraries.
_TOOLKITS = ("CUDA_HOME", "CUDA_PATH", "ROCM_PATH")


@dataclass(frozen=True)
class Readable:
    """A file or folder that may be read, with everything below it.

    Attributes:
        path: where it is.
        programs: whether programs in it may be started.
        only_names: whether only the names in it are open, not the content of files.
    """

    path: Path
    programs: bool = False
    only_names: bool = False


def readable(given: Iterable[Path], withheld: Iterable[Path]) -> list[Readable]:
    """List what this process may read.

    Args:
        given: files and folders that it is given, such as its artifact.
        withheld: files and folders that stay closed wherever they lie.
    """
    closed = [Path(os.path.realpath(path)) for path in withheld]
    home = os.environ.get("HOME")
    homes = [Path(os.path.realpath(home))] if home else []
    roots = [Readable(Path(path), programs=True) for path in (*_PROGRAMS, *_toolkits())]
    roots += [Readable(path, programs=True) for path in _interpreter()]
    known = [Path(os.path.realpath(root.path)) for root in roots]
    roots += _modules_elsewhere(known)
    roots += [Readable(path) for path in _libraries(known)]
    roots += [Readable(Path(path)) for path in (*_SETTINGS, *_MACHINE, *_DEVICES)]
    roots += [Readable(path) for path in Path("/etc").glob("python3*")]
    parts = [part for root in roots for part in _without(root, closed + homes)]
    return parts + [
        part for path in given for part in _without(Readable(path, programs=True), closed)
    ]


def _interpreter() -> Iterator[Path]:
    """The parts of the environment that this interpreter is of, and of the one it is made from."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    prefixes |= {os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))}
    for prefix in sorted(prefixes):
        yield from (path for part in _PARTS if (path := Path(prefix, part)).exists())


def _toolkits() -> list[str]:
    named = [path for name in _TOOLKITS if (path := os.environ.get(name, "")).startswith("/")]
    return [*named, *(str(p) for name in _LOCAL_TOOLKITS for p in Path("/usr/local").glob(name))]


def _modules_elsewhere(known: Sequence[Path]) -> Iterator[Readable]:
    """Modules that lie outside of an environment: links, and editable installations.

    Their folder may be a whole project: only what can be imported is opened.
    """
    package = Path(__file__).parents[1]
    yield Readable(package)
    for name in sys.path:
        folder = Path(os.path.realpath(name))
        if not name or not folder.exists():
            continue
        if folder.name in _INSTALLED and folder.is_dir() and not _is_below(folder, known):
            yield Readable(folder)  # another environment's, that a .pth file names
            known = [*known, folder]
        if _is_below(folder, known):  # packages in it may be links
            yield from (Readable(path) for path in _links(folder))
        elif folder.is_file():  # an archive
            yield Readable(folder)
        else:
            yield Readable(folder, only_names=True)  # or Python finds no module in it
            yield from (Readable(path) for path in _entries(folder) if _is_module(path))
    for module in [*sys.modules.values()]:  # setuptools' finders of editable installations
        if getattr(module, "__name__", "").startswith("__editable__"):
            for mapped in getattr(module, "MAPPING", {}).values():
                yield from (
                    Readable(path) for path in (Path(mapped), Path(f"{mapped}.py")) if path.exists()
                )


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # what cannot be listed cannot be read
        return []


def _links(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_symlink()]
    return []


def _is_module(path: Path) -> bool:
    return (
        path.suffix in (".py", ".so", ".dist-info", ".egg-info") or (path / "__init__.py").is_file()
    )


def _libraries(known: Sequence[Path]) -> Iterator[Path]:
    """The libraries in the folders of $LD_LIBRARY_PATH, which may hold other files."""
    for name in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        folder = Path(os.path.realpath(name))
        if name.startswith("/") and folder.is_dir() and not _is_below(folder, known):
            yield from (path for path in _entries(folder) if ".so" in path.suffixes)


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(_lies_in(str(path), str(folder)) for folder in folders)


def _lies_in(path: str, folder: str) -> bool:
    """The same as `Path.is_relative_to`, which takes longer; every worker waits for this."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _without(root: Readable, closed: Iterable[Path]) -> Iterator[Readable]:
    """A root, or, where something closed lies in it, its parts without that."""
    real = os.path.realpath(root.path)
    inside = [path for path in closed if _lies_in(str(path), real)]
    path = Path(real)
    if not inside or root.only_names:
        yield root
    elif path not in inside and path.is_dir():
        yield Readable(path, only_names=True)
        for part in _entries(path):
            if not part.is_symlink():
                yield from _without(Readable(part, root.programs), inside)
