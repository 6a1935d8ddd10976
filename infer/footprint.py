"""What is installed for a runtime: the files of its distributions and of all that they need."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name


def installed_bytes(names: Iterable[str]) -> dict[str, int]:
    """Bytes on disk of distributions and what they require, by canonical name.

    Names that are not installed are left out: a requirement may be for another system, and of
    several builds of a runtime there is one.
    """
    found: dict[str, int] = {}
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = _bytes(package)
        waiting += _needs(package)
    return found


def _needs(package: Distribution) -> list[NormalizedName]:
    names = []
    for text in package.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        # Without extras: what comes along when nothing more is asked for.
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(canonicalize_name(requirement.name))
    return names


def _bytes(package: Distribution) -> int:
    total = 0
    for file in package.files or ():
        try:
            total += Path(str(file.locate())).stat().st_size
        except OSError:
            continue
    return total
