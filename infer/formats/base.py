"""The contract of a format: its properties and the functions that read its files.

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

# The reason given for treating a format as able to execute code if its authors do not say.
NOT_DECLARED = "nobody has said that it cannot"


def _itself(path: Path) -> Path:
    return path


def _none(path: Path) -> Sequence[Path]:
    return ()


def _no(path: Path) -> bool:
    return False


def _well(path: Path) -> None:
    return None


@dataclass(frozen=True)
class Format:
    """A format: its properties, and the functions that read its files.

    The functions need no framework and run no code of a file. They raise `DamagedError` for bytes
    that violate the format, and `ArtifactError` for files that are refused.

    Attributes:
        name: its name in manifests and on the command line.
        title: its name in texts for people.
        executes_code: why loading or running a file can do more than arithmetic; None if it cannot.
        code_depends: what that depends on, if only the reader can tell for each file; its answer is
            then the description's `executes_code`.
        shelf_life: how long its makers promise that a file loads; None if without limit.
        names_functions: whether a file holds functions by name, one of which is to be chosen.
        has_methods: whether a file may hold others than the function that is called by default; one
            of them is called where it is named for that artifact.
        in_folder: names of files, one of which makes a folder an artifact of this format.
        has_name: whether only files of this format are named as a file is; one that is not
            recognized is damaged then, or another file of this name.
        has_marks: whether a file has this format, judged by its first bytes, its name or the
            entries of its archive; called first.
        has_structure: whether a file has this format, judged by the structure of the whole file;
            called for files without marks that are not known to be something else.
        payload: the file or folder to load, given the one whose format was detected.
        companions: files beside a payload that belong to it, whether they exist or not.
        check_folder: checks the files that a payload that is a folder names.
        check_weights: checks the files beside a payload that hold its weights.
        describe: describes a payload; None if nothing can be read from it.
        external: the module of another package that describes its payloads, in place of `describe`.
    """

    name: str
    title: str
    executes_code: str | None
    code_depends: str | None = None
    shelf_life: timedelta | None = None
    names_functions: bool = False
    has_methods: bool = False
    in_folder: tuple[str, ...] = ()
    has_name: Callable[[Path], bool] = _no
    has_marks: Callable[[Content], bool] | None = None
    has_structure: Callable[[Content], bool] | None = None
    payload: Callable[[Path], Path] = _itself
    companions: Callable[[Path], Sequence[Path]] = _none
    check_folder: Callable[[Path], None] = _well
    check_weights: Callable[[Path], None] = _well
    describe: Callable[[Path], Description] | None = None
    external: ExternalModule | None = None

    @property
    def is_detected_by_content(self) -> bool:
        """Whether the format can be detected from a payload; otherwise it needs a manifest."""
        return bool(self.has_marks or self.has_structure or self.in_folder)

    @property
    def may_execute_code(self) -> str | None:
        """Why a file can execute code, or what that depends on; None if no file can."""
        return self.executes_code or self.code_depends
