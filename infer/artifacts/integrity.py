"""Check that the files of an artifact match its manifest."""

from __future__ import annotations

from ..errors import AlteredError, ArtifactError, DamagedError, MissingFileError
from ..formats.detection import detect
from ..formats.registry import FORMATS
from ..formats.safe_paths import beside
from .artifact import Artifact
from .manifest import MANIFEST


def check_files(artifact: Artifact, *, is_loaded: bool = True) -> None:
    """Compare the files with the manifest; a bare payload has to have its weights only.

    Args:
        artifact: an artifact.
        is_loaded: whether it is to be loaded; one that is only described may lack its weights.

    Raises:
        ArtifactError: a file is missing, superfluous, truncated or altered.
    """
    if artifact.manifest is None:
        if is_loaded and artifact.format in FORMATS:
            FORMATS[artifact.format].check_weights(artifact.payload)
        return
    remedy = "export it again, or take a whole copy"
    for name, expected in artifact.manifest.files.items():
        path = beside(artifact.path / MANIFEST, name)
        if not path.is_file():
            raise MissingFileError(f"{path}: missing; {remedy}")
        if path.stat().st_size != expected.bytes:
            raise AlteredError(
                f"{path}: has {path.stat().st_size} bytes, the manifest says "
                f"{expected.bytes}; {remedy}"
            )
        if artifact.sha256_of(path) != expected.sha256:
            raise AlteredError(f"{path}: altered, its SHA-256 is not the manifest's; {remedy}")
    present = {path.relative_to(artifact.path).as_posix() for path in artifact.files()}
    extra = sorted(present - artifact.manifest.files.keys())
    if extra:
        raise AlteredError(f"{artifact.path / extra[0]}: not in the manifest; {remedy}")
    _check_format(artifact)


def _check_format(artifact: Artifact) -> None:
    """Check that a payload has the manifest's format, by which it is opened and trusted."""
    detected: str | None = None
    try:
        detected, _ = detect(artifact.payload)
    except DamagedError:
        raise
    except ArtifactError:
        known = FORMATS.get(artifact.format)
        if known and not known.is_detected_by_content:
            return
    if detected != artifact.format:
        raise AlteredError(
            f"{artifact.path / MANIFEST}: says {artifact.format}, but {artifact.payload.name} is "
            f"{detected or 'something else'}; export it again"
        )
