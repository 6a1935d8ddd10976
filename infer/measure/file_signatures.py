"""What artifacts take and give, as their files say without being loaded."""

from __future__ import annotations

from collections.abc import Mapping

from ..artifacts.artifact import Artifact
from ..errors import ArtifactError
from ..sandbox import reader_process
from ..tensors.signature import SERVING, Signature


def file_signature(artifact: Artifact, name: str | None = None) -> Signature | None:
    """The signature that a manifest or a file states; None if neither does.

    Args:
        artifact: the artifact; its file is read in a process of its own.
        name: name of the function to call; None for the default.
    """
    if artifact.manifest:
        return artifact.manifest.signature
    known = _described(artifact)
    if known is None:
        return None
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    return known.get(name or SERVING)


def stated_signatures(artifact: Artifact) -> list[Signature] | None:
    """All signatures that a manifest and the file state; None if the file does not tell."""
    known = _described(artifact)
    if known is None:
        return None
    return [*known.values(), *([artifact.manifest.signature] if artifact.manifest else [])]


def _described(artifact: Artifact) -> Mapping[str, Signature] | None:
    """The signatures of a file, by name, as its reader finds them in a process of its own."""
    try:
        return reader_process.describe_artifact(artifact).signatures
    except ArtifactError:
        return None
