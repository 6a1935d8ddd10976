"""Detect the format of a file or folder by its content, never by its name.

Only the beginning of a file and its outermost structure are read; none of its code is run.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import ArtifactError, DamagedError
from . import other_files
from .base import Format
from .content import Content
from .registry import FORMATS
from .safe_paths import check_link


def detect(path: Path) -> tuple[str, Path]:
    """Detect the format of a file or folder, and the file or folder to load.

    The path may be that of a SavedModel's folder or of the file inside it, or of either file of an
    OpenVINO IR.

    Raises:
        DamagedError: it is damaged.
        ArtifactError: its format is not known here; the message says what it seems to be.
    """
    try:
        known = _of_folder(path) if path.is_dir() else _of_file(path)
    except DamagedError as error:
        raise _damaged(path, error) from None
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror or error})") from None
    return known.name, known.payload(path)


def is_named_as_artifact(path: Path) -> bool:
    """Whether a file has a name that only artifacts have, whatever is in it."""
    return any(known.has_name(path) for known in FORMATS.values())


def is_artifact_folder(files: set[str]) -> bool:
    """Whether a folder with files of these names is itself a payload."""
    return any(files.intersection(known.in_folder) for known in FORMATS.values())


def companions(payload: Path) -> list[Path]:
    """List the files beside a payload that belong to it: weights of ONNX and OpenVINO files.

    Raises:
        DamagedError: the payload is damaged.
        ArtifactError: it names files outside its folder.
    """
    try:
        known = _of_file(payload)
    except DamagedError as error:
        raise _damaged(payload, error) from None
    except ArtifactError:
        return []  # a payload whose format cannot be detected, such as the fake runtime's
    try:
        return [path for path in known.companions(payload) if path.is_file()]
    except DamagedError as error:
        raise _damaged(payload, error) from None


def folder_files(payload: Path) -> list[Path]:
    """List the files of a payload that is a folder, in the order of their paths.

    Raises:
        ArtifactError: a link or a name in it leads out of it.
    """
    known = _format_of_folder(payload)
    main = payload / (known.in_folder[0] if known else "payload")
    files = []
    for path in sorted(payload.rglob("*")):
        if path.is_symlink():
            if path.is_dir():
                raise ArtifactError(f"{path}: a link to a folder; put the folder in its place")
            check_link(path, payload, main)
        if path.is_file():
            files.append(path)
    if known:
        try:
            known.check_folder(payload)
        except DamagedError as error:
            raise _damaged(payload, error) from None
    return files


def _damaged(path: Path, error: DamagedError) -> DamagedError:
    return DamagedError(f"{path}: {error}; take a whole copy")


def _format_of_folder(path: Path) -> Format | None:
    for known in FORMATS.values():
        if any((path / name).is_file() for name in known.in_folder):
            return known
    return None


def _of_folder(path: Path) -> Format:
    known = _format_of_folder(path)
    if known:
        return known
    if what := other_files.kind_of_folder(path):
        raise ArtifactError(f"{path}: {what}")
    inside = [file.name for file in sorted(path.iterdir()) if _is_artifact(file)]
    if inside:
        raise ArtifactError(f"{path}: a folder that holds {', '.join(inside[:3])}; name a file")
    raise ArtifactError(
        f"{path}: neither manifest.json nor saved_model.pb is in this folder, nor a file that "
        f"is {_titles()}"
    )


def _is_artifact(file: Path) -> bool:
    try:
        return file.is_file() and bool(_of_file(file))
    except ArtifactError:
        return False


def _of_file(path: Path) -> Format:
    if not path.is_file():
        raise ArtifactError(f"{path}: neither a file nor a folder")
    content = Content(path)
    if not content.head:
        raise ArtifactError(f"{path}: empty")
    for known in FORMATS.values():
        if known.has_marks and known.has_marks(content):
            return known
    if what := other_files.kind_of_file(content):
        raise ArtifactError(f"{path}: {what}")
    for known in FORMATS.values():
        if known.has_structure and known.has_structure(content):
            return known
    if what := other_files.kind_of_structure(content):
        raise ArtifactError(f"{path}: {what}")
    raise ArtifactError(f"{path}: not recognized as {_titles()}")


def _titles() -> str:
    *titles, last = (known.title for known in FORMATS.values() if known.is_detected_by_content)
    return f"{', '.join(titles)} or {last}"
