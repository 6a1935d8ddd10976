"""What artifacts take and give, as their files say without being loaded."""

from __future__ import annotations

from collections.abc import Mapping

from ..artifacts.artifact import Artifact
from ..errors import ArtifactError
from ..inputs.samples import later_sample_axes
from ..sandbox.artifact_reader import describe_artifact
from ..tensors.matching import plain
from ..tensors.signature import SERVING, Signature
from ..variant import TUNED, Variant


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


def symbolic_shapes(
    artifacts: Mapping[str, Artifact], variants: Mapping[str, Variant], *, but: str
) -> dict[str, list[int | str | None]]:
    """The shapes of inputs whose axis of samples has a symbol, as artifacts state them.

    Args:
        artifacts: artifacts by label.
        variants: how they are run, by label.
        but: label of the artifact that is left out.

    Returns:
        Shapes by name, as `plain` gives it; those of the first artifact that states one.
    """
    shapes: dict[str, list[int | str | None]] = {}
    for label, artifact in artifacts.items():
        name = variants.get(label, TUNED).signature
        signature = None if label == but else file_signature(artifact, name)
        if signature is None:
            continue
        later = later_sample_axes(signature)
        for spec in signature.inputs:
            if spec.sizes and (isinstance(spec.sizes[0], str) or spec.name in later):
                shapes.setdefault(plain(spec.name), list(spec.sizes))
    return shapes


def stated_signatures(artifact: Artifact) -> list[Signature] | None:
    """All signatures that a manifest and the file state; None if the file does not tell."""
    known = _described(artifact)
    if known is None:
        return None
    return [*known.values(), *([artifact.manifest.signature] if artifact.manifest else [])]


def _described(artifact: Artifact) -> Mapping[str, Signature] | None:
    """The signatures of a file, by name, as its reader finds them in a process of its own."""
    try:
        return describe_artifact(artifact).signatures
    except ArtifactError:
        return None
