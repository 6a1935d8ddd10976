"""What artifacts take and give, as their files say without being loaded."""

from __future__ import annotations

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
    try:
        known = reader_process.describe(artifact.format, artifact.payload).signatures
    except ArtifactError:
        return None
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    return known.get(name or SERVING)
