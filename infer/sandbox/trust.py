"""Decide which artifacts that can execute code may be opened: those with a trusted hash.

A hash counts if it is not where the artifact came from:

- the user names it, or the artifact, with `--trust`;
- the baseline that the gate is given names it, which is committed and reviewed;
- it is in the user's list of the artifacts that this project has exported on this machine.

The hashes in an artifact's own manifest are not among these. They show that nothing was altered
since the export, and nothing of who made it: whoever makes an artifact writes its manifest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ..artifacts.artifact import Artifact
from ..errors import OptionError
from ..formats.base import NOT_DECLARED
from ..formats.registry import FORMATS
from ..outcome import Failure, Outcome
from .artifact_reader import OpenedArtifacts, check_files, describe_artifact, fingerprint

EVERYTHING = "*"
_LEAST_DIGITS = 32  # 128 bits: nobody can make a file whose hash begins with given ones
_HASH = re.compile(rf"[0-9a-f]{{{_LEAST_DIGITS},64}}")
_FORMER = " (former)"


def read(given: Sequence[str] | None, labels: Collection[str]) -> tuple[str, ...]:
    """Parse the values of --trust.

    Args:
        given: values of the option; None if it is absent.
        labels: labels of the artifacts.

    Raises:
        UsageError: a value is neither a hash nor the label of an artifact.
    """
    if given is None:
        return ()
    for text in given:
        known = text in labels or text.removesuffix(_FORMER) in labels
        if text != EVERYTHING and not known and not _HASH.fullmatch(text.lower()):
            raise OptionError(
                "trust",
                text,
                f"neither {_LEAST_DIGITS} or more digits of a SHA-256 nor one of "
                f"the artifacts ({', '.join(labels) or 'none is named'}); name them before it",
            )
    return tuple(given) or (EVERYTHING,)


def hashes(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Those of some texts from a file that are whole hashes; labels are not taken from files."""
    return tuple(text for text in texts if text and len(text) == 64 and _HASH.fullmatch(text))


def with_variants(
    trusted: Sequence[str],
    named: Sequence[tuple[str, Path]],
    artifacts: Sequence[tuple[str, Path]],
) -> tuple[str, ...]:
    """Add the labels of the variants of trusted artifacts, as "model (defaults)".

    Args:
        trusted: as `read` returns them.
        named: label and path of the artifacts that the user named.
        artifacts: label and path of these and of their variants.
    """
    paths = {path for label, path in named if label in trusted}
    return tuple(dict.fromkeys((*trusted, *(label for label, at in artifacts if at in paths))))


def from_python(value: bool | str | Sequence[str]) -> list[str] | None:
    """The option's values for what the functions take: True for all, hashes or labels, False."""
    if isinstance(value, bool):
        return [] if value else None
    return [value] if isinstance(value, str) else list(value)


def require_trusted(artifact: Artifact, trusted: Collection[str]) -> str:
    """Check that an artifact may be opened, and return its fingerprint.

    Args:
        artifact: artifact whose files have been compared with its manifest.
        trusted: labels, SHA-256 or their first digits, or `EVERYTHING`.

    Raises:
        ArtifactError: it cannot be read.
        Failure: loading it can execute code, and it is not trusted.
    """
    sha256 = fingerprint(artifact)
    why = _code(artifact)
    if why is None or _is_trusted(artifact.label, sha256, trusted) or sha256 in exported():
        return sha256
    raise Failure(
        Outcome.LOAD_ERROR,
        f"not opened, since loading it can execute code ({why}) and its hash is not known here; if "
        f"you trust those who made it: --trust {sha256}",
        cause="not trusted",
        untrusted=sha256,
    )


def open_trusted(
    opened: OpenedArtifacts, path: Path, label: str, trusted: Collection[str]
) -> Artifact:
    """Open an artifact, compare its files with its manifest, and check that it may be loaded.

    Args:
        opened: artifacts that are open already.
        path: its path.
        label: its name in reports.
        trusted: as `require_trusted` takes them.

    Raises:
        ArtifactError: it is missing, damaged, altered or of no known format.
        Failure: loading it can execute code, and it is not trusted.
    """
    artifact = opened.open(path, label)
    check_files(artifact)
    require_trusted(artifact, trusted)
    return artifact


def _code(artifact: Artifact) -> str | None:
    known = FORMATS.get(artifact.format)
    if known is None:
        return NOT_DECLARED
    if known.code_depends:
        return describe_artifact(artifact).executes_code
    return known.executes_code


def _is_trusted(label: str, sha256: str, trusted: Collection[str]) -> bool:
    """Whether an artifact is named: by its whole label, since any file may be called "a.pt (1)"."""
    for text in trusted:
        by_hash = _HASH.fullmatch(text.lower()) and sha256.startswith(text.lower())
        if text in (EVERYTHING, label) or by_hash:
            return True
    return False


def _list() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return Path(state or Path.home() / ".local" / "state") / "exportbench" / "exported"


def exported() -> set[str]:
    """Read the fingerprints of the artifacts that were exported on this machine."""
    try:
        lines = _list().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {line.split(" ", 1)[0] for line in lines}


def remember(artifact: Artifact) -> None:
    """Add an artifact that was exported here to the list, which workers cannot write.

    Raises:
        OSError: the list cannot be written.
    """
    sha256 = fingerprint(artifact)
    if sha256 in exported():
        return
    file = _list()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"{sha256} {artifact.label}\n")
