"""Check that the files that an artifact names or links to lie in its own folder."""

from __future__ import annotations

import errno
import re
from pathlib import Path, PurePosixPath

from ..errors import ArtifactError


def beside(payload: Path, name: str, folder: Path | None = None) -> Path:
    """Find the file that a payload refers to by a relative name.

    Args:
        payload: the file that names it.
        name: the relative name.
        folder: folder that the name starts from; None for the payload's folder.

    Raises:
        ArtifactError: the name, or a link that stands there, leads out of the folder.
    """
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or re.match(r"[A-Za-z]:|\\", name) or not name:
        raise ArtifactError(f"{payload}: names files outside of its folder ({name})")
    path = (folder or payload.parent) / place
    check_link(path, payload.parent, payload)
    return path


def check_link(path: Path, folder: Path, payload: Path) -> None:
    """Check that no link on the way to a file leads out of an artifact's folder.

    Stores that keep every file once, as that of Hugging Face, have links to one folder of
    theirs: what lies beside the file that the payload itself is a link to is in its folder too.

    Raises:
        ArtifactError: a link leads out of the folder.
    """
    try:
        refuse_circle(path)
        real, root, store = path.resolve(), folder.resolve(), payload.resolve().parent
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name with a zero
        raise ArtifactError(f"{payload}: {path.name!r} cannot be resolved ({error})") from None
    if not (real.is_relative_to(root) or real.parent == store):
        raise ArtifactError(f"{payload}: {path} is a link that leads out of its folder")


def refuse_circle(path: Path) -> None:
    """Raise OSError for links that lead in a circle; Python 3.13 resolves these to themselves."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise
