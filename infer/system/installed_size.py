"""The installed size of a runtime: the files of its distributions and their requirements."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .mapped_libraries import of_cuda

# A distribution, and its extras that are required.
_Wanted = tuple[str, frozenset[str]]


def installed_bytes(names: Iterable[str], libraries: Iterable[Path] = ()) -> dict[str, int]:
    """Count the bytes on disk of distributions and their requirements, by canonical name.

    Names that are not installed are left out: a requirement may be for another system, and only one
    of several builds of a runtime is installed.

    Args:
        names: names of distributions.
        libraries: libraries that a process has mapped. Other distributions that own one are counted
            too, since a build for CUDA does not list them as requirements. CUDA's libraries without
            a distribution, such as the system's, are each counted under the name of the file.
    """
    owners = _owners(libraries)
    sizes: dict[str, int] = {}
    seen: set[_Wanted] = set()
    waiting: list[_Wanted] = [(canonicalize_name(name), frozenset()) for name in names]
    waiting += [(name, frozenset()) for name in owners.values()]
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            package = distribution(wanted[0])
        except PackageNotFoundError:
            continue
        if wanted[0] not in sizes:
            sizes[wanted[0]] = sum(_size(path) for path in _files(package))
        waiting += _needs(package, wanted[1])
    for path in of_cuda(path for path in libraries if path not in owners):
        sizes[path.name] = _size(path)
    return sizes


def _needs(package: Distribution, extras: frozenset[str]) -> list[_Wanted]:
    needed: list[_Wanted] = []
    for text in package.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = requirement.marker
        # The empty extra: what comes along when nothing more is asked for.
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            needed.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return needed


def _owners(libraries: Iterable[Path]) -> dict[Path, str]:
    """Find the distribution of each library, if it has one."""
    wanted = set(libraries)
    names = {path.name for path in wanted}
    owners: dict[Path, str] = {}
    for package in distributions() if wanted else ():
        # Read the lines of the file: `files` takes seconds for all distributions.
        for line in (package.read_text("RECORD") or "").splitlines():
            file = line.partition(",")[0]
            if file.rpartition("/")[2] in names:
                path = Path(str(package.locate_file(file))).resolve()
                if path in wanted:
                    owners[path] = canonicalize_name(package.name)
    return owners


def _files(package: Distribution) -> list[Path]:
    return [Path(str(file.locate())) for file in package.files or ()]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
