"""The manifest that lies beside a payload: what it is, what made it, and its hashes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import ArtifactError as ArtifactError
from ..tensors.signature import Signature
from .files import hash_files

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """What is said of a payload.

    Attributes:
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
        files: for every file of the payload, relative path to `sha256` and `bytes`.
        evaluation: `file` (name below artifacts/inputs) and `sha256` of the inputs to judge by.
        classes: names of the classes, where it classifies.
        warnings: what the exporter warned of.
        notices: what a reader must know, such as that the training was a short one.
        verified: how the export was checked.
    """

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
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluation: dict[str, str] | None = None
    classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    verified: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Manifest:
        """Read back what `asdict` and JSON made of a manifest."""
        value = {key: item for key, item in value.items() if key != "manifest_version"}
        lists: dict[str, Any] = {
            key: tuple(value.get(key, ())) for key in ("classes", "warnings", "notices")
        }
        for name, kind in (("payload", str), ("format", str), ("weights", dict)):
            if not isinstance(value[name], kind):
                raise TypeError(f"'{name}' is not a {kind.__name__}")
        evaluation = value.get("evaluation")
        if evaluation is not None and not (
            isinstance(evaluation["file"], str) and isinstance(evaluation["sha256"], str)
        ):
            raise TypeError("'evaluation' is not a file and its sha256")
        files = {
            str(name): {"sha256": str(entry["sha256"]), "bytes": int(entry["bytes"])}
            for name, entry in value["files"].items()
        }
        lists["files"] = files
        return cls(**value | lists | {"signature": Signature.from_dict(value["signature"])})

    def with_verified(self, verified: dict[str, Any]) -> Manifest:
        """The manifest of an artifact that has been checked."""
        return replace(self, verified=verified)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Hash the payload's files and write the manifest beside them."""
    manifest = replace(manifest, files=hash_files(folder, manifest.payload))
    text = json.dumps({"manifest_version": MANIFEST_VERSION} | asdict(manifest), indent=2)
    (folder / MANIFEST).write_text(text + "\n")


def _read_manifest(path: Path) -> Manifest:
    try:
        value = json.loads(path.read_text())
        version = value.get("manifest_version")
        if version != MANIFEST_VERSION:
            raise ArtifactError(
                f"{path}: manifest version {version}, this program reads {MANIFEST_VERSION}; "
                "export it again, or use another version of the program"
            )
        return Manifest.from_dict(value)
    except (
        *(OSError, ValueError, TypeError, KeyError, AttributeError),
        *(OverflowError, RecursionError),  # numbers without end, lists in lists
    ) as error:
        raise ArtifactError(f"{path}: not a manifest ({error}); export it again") from None
