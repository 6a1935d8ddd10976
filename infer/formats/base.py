"""The contract of a format: all that is known of it, in one place.

Each format has a folder beside this file, whose `format.py` holds one `Format`; the registry lists
them. Formats of other packages are described by data (docs/adding-a-format.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ..external_module import ExternalModule
from .content import Content
from .description import Description

# Why a format whose authors say nothing about it is treated as one that can execute code.
NOT_DECLARED = "nobody has said that it cannot"


def _itself(path: Path) -> Path:
    return path


def _none(path: Path) -> Sequence[Path]:
    return ()


def _well(path: Path) -> None:
    return None


@dataclass(frozen=True)
class Format:
    """What is known of a format without opening a file of it, and how its files are read.

    The functions take no framework and run nothing of a file. They raise `DamagedError` for bytes
    that are not what the format says, and `ArtifactError` for what is refused.

    Attributes:
        name: as in manifests and on the command line.
        title: as people call it.
        executes_code: why loading or running a file can do more than arithmetic; None if it cannot.
        code_depends: what decides about that, where only the reader can tell for each file; its
            answer is then the description's `executes_code`.
        shelf_life: for which its makers promise that a file loads; None where there is no end.
        names_functions: whether a file holds functions by name, one of which is to be chosen.
        in_folder: names of files, one of which makes a folder an artifact of this format.
        has_marks: whether a file shows it by its first bytes, its name or the entries of its
            archive; asked first.
        has_structure: whether the structure of a whole file shows it; asked of files without marks,
            and not of those that are known to be something else.
        payload: what to load, given the file or folder that showed the format.
        companions: files beside a payload that belong to it, whether they are there or not.
        check_folder: looks at what a payload that is a folder names.
        describe: what a payload says of itself; None if nothing can be read from it.
        external: the module of another package that describes its payloads, in place of `describe`.
    """

    name: str
    title: str
    executes_code: str | None
    code_depends: str | None = None
    shelf_life: timedelta | None = None
    names_functions: bool = False
    in_folder: tuple[str, ...] = ()
    has_marks: Callable[[Content], bool] | None = None
    has_structure: Callable[[Content], bool] | None = None
    payload: Callable[[Path], Path] = _itself
    companions: Callable[[Path], Sequence[Path]] = _none
    check_folder: Callable[[Path], None] = _well
    describe: Callable[[Path], Description] | None = None
    external: ExternalModule | None = None

    @property
    def is_told_by_content(self) -> bool:
        """Whether a payload shows the format; one that does not needs a manifest."""
        return bool(self.has_marks or self.has_structure or self.in_folder)

    @property
    def may_execute_code(self) -> str | None:
        """Why a file can execute code, or what decides about it; None if none of them can."""
        return self.executes_code or self.code_depends
