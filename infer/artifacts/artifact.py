"""The artifact contract: a folder with a payload and `manifest.json`, or a bare payload.

A manifest says what the payload is, what it takes and gives, what made it and from which
weights, and the SHA-256 of every file. Someone else's `model.onnx` or SavedModel folder has no
manifest and works too: its format is told by its content, its signature by its runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ArtifactError
from ..formats.detection import detect
from .files import files_of
from .manifest import MANIFEST, Manifest, _read_manifest


@dataclass(frozen=True)
class Artifact:
    """A payload on disk and, where there is one, its manifest.

    Attributes:
        label: how reports call it.
        path: what the user named: the folder of the manifest, or the payload.
        format: the runtime's name.
        payload: the file or folder to load.
        manifest: None for a bare payload.
    """

    label: str
    path: Path
    format: str
    payload: Path
    manifest: Manifest | None = None

    @property
    def bytes(self) -> int:
        """Size of the payload's files."""
        return sum(file.stat().st_size for file in files_of(self.payload))

    @property
    def weights(self) -> tuple[str | None, str | None]:
        """Hash and name of the weights inside, where the manifest tells.

        The same weights have several names where they serve images of several sizes.
        """
        stated = self.manifest.weights if self.manifest else {}
        return stated.get("sha256"), stated.get("name")


def open_artifact(path: Path, label: str | None = None) -> Artifact:
    """Recognize the artifact at a path without loading it.

    Raises:
        ArtifactError: nothing is there, or nothing that a runtime here knows.
    """
    if not path.exists():
        raise ArtifactError(f"{path}: no such file or folder")
    if path.name == MANIFEST:
        path = path.parent
    if (path / MANIFEST).is_file():
        manifest = _read_manifest(path / MANIFEST)
        payload = path / manifest.payload
        try:
            inside = payload.resolve().is_relative_to(path.resolve())
        except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name with a zero
            raise ArtifactError(f"{path / MANIFEST}: its payload leads nowhere ({error})") from None
        if not inside:
            raise ArtifactError(f"{path / MANIFEST}: the payload lies outside of its folder")
        return Artifact(label or path.name, path, manifest.format, payload, manifest)
    format_name, payload = detect(path)
    return Artifact(label or path.name, path, format_name, payload)
