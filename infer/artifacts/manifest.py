"""The manifest that lies beside a payload: what it is, what made it, and its hashes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..codec import from_json, parse_json
from ..errors import ArtifactError as ArtifactError
from ..regular_file import read_text_as_named
from ..tensors.signature import Signature
from .files import FileRecord, hash_files

MANIFEST = "manifest.json"
_MOST_BYTES = 64 << 20  # some hundred bytes for each file of the payload
MANIFEST_VERSION: Literal[1] = 1


@dataclass(frozen=True)
class EvaluationInputs:
    """The inputs to judge an artifact by.

    Attributes:
        file: path of the `.npz` file, relative to the manifest.
        sha256: of its content, in hexadecimal digits.
        notice: what a reader must know of them, such as that they are drawings.
    """

    file: str
    sha256: str
    notice: str | None = None


@dataclass(frozen=True)
class Manifest:
    """What is said of a payload; docs/schema/manifest.json is the file as JSON Schema.

    Attributes:
        manifest_version: of the file's format.
        name: the exporter's name, as "onnx-torch".
        format: the runtime's name, as "onnx".
        payload: the file or folder to load, relative to the manifest.
        framework: the framework that the network was written in, as "torch".
        native: whether this is the framework's own deployment format.
        signature: inputs and outputs.
        precision: of the weights and the arithmetic, as "float32".
        producer: package versions that made the payload.
        weights: name, `sha256`, `framework` that trained them and the record's key facts.
        created: time, ISO 8601.
        expires: when the format's promise to load ends, ISO 8601; None where it has no end.
        device: "cpu" or "cuda", where it was compiled for that alone; otherwise None.
        executes_code: whether loading or running it can do more than arithmetic.
        files: every file of the payload, by its path relative to the manifest.
        evaluation: the inputs to judge by.
        classes: names of the classes, where it classifies.
        warnings: what the exporter warned of.
        notices: what a reader must know, such as that the training was a short one.
        verified: how the export was checked.
    """

    manifest_version: Literal[1] = field(default=MANIFEST_VERSION, kw_only=True)
    name: str
    format: str
    payload: str
    framework: str
    native: bool
    signature: Signature
    precision: str
    producer: dict[str, str]
    weights: dict[str, Any]
    created: str
    executes_code: bool
    expires: str | None = None
    device: str | None = None
    files: dict[str, FileRecord] = field(default_factory=dict)
    evaluation: EvaluationInputs | None = None
    classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    verified: dict[str, Any] | None = None

    def with_verified(self, verified: dict[str, Any]) -> Manifest:
        """The manifest of an artifact that has been checked."""
        return replace(self, verified=verified)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Hash the payload's files and write the manifest beside them."""
    manifest = replace(manifest, files=hash_files(folder, manifest.payload))
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        ArtifactError: it is no manifest, or one of another version; one line with the file and
            the field.
    """
    try:
        value = parse_json(read_text_as_named(path, _MOST_BYTES))
        version = value.get("manifest_version") if isinstance(value, dict) else MANIFEST_VERSION
        if version != MANIFEST_VERSION:
            raise ArtifactError(
                f"{path}: manifest version {version}, this program reads {MANIFEST_VERSION}; "
                "export it again, or use another version of the program"
            )
        manifest: Manifest = from_json(Manifest, value)
    except (OSError, ValueError) as error:  # DecodeError, or bytes that are no UTF-8
        raise ArtifactError(f"{path}: not a manifest ({error}); export it again") from None
    return manifest
