"""The artifact contract: a folder with a payload and `manifest.json`, or a bare payload.

A manifest states the payload's format, its inputs and outputs, what made it and from which weights,
and the SHA-256 of every file. A `model.onnx` or SavedModel folder from elsewhere has no manifest
and works too: its format is detected from its content, its signature comes from its runtime.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import ArtifactError, MissingFileError
from ..formats.detection import detect
from ..formats.safe_paths import refuse_circle
from .files import files_of, sha256_of
from .manifest import MANIFEST, Manifest, read_manifest


@dataclass(frozen=True)
class Artifact:
    """A payload on disk and its manifest, if there is one.

    Attributes:
        label: its name in reports.
        path: path that the user named: the folder of the manifest, or the payload.
        format: the runtime's name.
        payload: the file or folder to load.
        manifest: None for a bare payload.
        readings: what the limited reader found in the files of a payload, by name; kept by
            sandbox/artifact_reader.py.
    """

    label: str
    path: Path
    format: str
    payload: Path
    manifest: Manifest | None = None
    _files: dict[Path, list[Path]] = field(default_factory=dict, repr=False, compare=False)
    _hashes: dict[Path, str] = field(default_factory=dict, repr=False, compare=False)
    readings: dict[tuple[Path, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def labelled(self, label: str) -> Artifact:
        """The same artifact under another label; what was read of its files is kept."""
        return replace(self, label=label)

    def files(self) -> list[Path]:
        """The files of the payload, as `files_of` lists them; they are listed once.

        Raises:
            ArtifactError: as `files_of`.
        """
        if self.payload not in self._files:
            self._files[self.payload] = files_of(self.payload)
        return self._files[self.payload]

    def sha256_of(self, file: Path) -> str:
        """The SHA-256 of a file of the payload, which is read once.

        Raises:
            OSError: it cannot be read.
        """
        if file not in self._hashes:
            self._hashes[file] = sha256_of(file)
        return self._hashes[file]

    @property
    def weights(self) -> tuple[str | None, str | None]:
        """Hash and name of the weights inside; None if the manifest does not state them.

        The same weights have several names if they are used for images of several sizes.
        """
        stated = self.manifest.weights if self.manifest else {}
        return stated.get("sha256"), stated.get("name")


def open_artifact(path: Path, label: str | None = None) -> Artifact:
    """Recognize the artifact at a path without loading it.

    Raises:
        ArtifactError: the path does not exist, or its format is not known here.
    """
    if not path.exists():
        raise MissingFileError(f"{path}: no such file or folder")
    if path.name == MANIFEST:
        path = path.parent
    if (path / MANIFEST).is_file():
        manifest = read_manifest(path / MANIFEST)
        payload = path / manifest.payload
        try:
            refuse_circle(payload)
            inside = payload.resolve().is_relative_to(path.resolve())
        except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name with a zero
            raise ArtifactError(
                f"{path / MANIFEST}: its payload cannot be resolved ({error})"
            ) from None
        if not inside:
            raise ArtifactError(f"{path / MANIFEST}: the payload lies outside of its folder")
        return Artifact(label or path.name, path, manifest.format, payload, manifest)
    format_name, payload = detect(path)
    return Artifact(label or path.name, path, format_name, payload)
