"""The artifact contract: a folder with a payload and `manifest.json`, or a bare payload.

A manifest says what the payload is, what it takes and gives, what made it and from which
weights, and the SHA-256 of every file. Someone else's `model.onnx` or SavedModel folder has no
manifest and works too: its format is told by its content, its signature by its runtime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from infer.errors import ArtifactError as ArtifactError
from infer.errors import DamagedError
from infer.readers.places import beside

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        name: as in the payload.
        shape: sizes; a name stands for a size that is free, None for one that has no name.
        dtype: NumPy's name, as "float32"; "any" where the file does not tell it.
        range: smallest and largest value that the model was made for, where known.
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str
    range: tuple[float, float] | None = None

    @classmethod
    def of(cls, value: dict[str, Any]) -> TensorSpec:
        """Read back what `asdict` and JSON made of a spec."""
        limits = value.get("range")
        return cls(
            value["name"],
            tuple(value["shape"]),
            value["dtype"],
            (float(limits[0]), float(limits[1])) if limits else None,
        )


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs, in the payload's own order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @classmethod
    def of(cls, value: dict[str, Any]) -> Signature:
        """Read back what `asdict` and JSON made of a signature."""
        return cls(
            tuple(map(TensorSpec.of, value["inputs"])), tuple(map(TensorSpec.of, value["outputs"]))
        )


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
    def of(cls, value: dict[str, Any]) -> Manifest:
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
        return cls(**value | lists | {"signature": Signature.of(value["signature"])})

    def with_verified(self, verified: dict[str, Any]) -> Manifest:
        """The manifest of an artifact that has been checked."""
        return replace(self, verified=verified)


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


def files_of(payload: Path) -> list[Path]:
    """All files of a payload, in the order of their paths: also those of weights beside it.

    Raises:
        ArtifactError: it is damaged, or names files outside of its folder.
    """
    from infer.detect import companions, folder_files

    if payload.is_dir():
        return folder_files(payload)
    return [payload, *companions(payload)]


def hash_files(folder: Path, payload: str) -> dict[str, dict[str, Any]]:
    """SHA-256 and size of every file of the payload, by path relative to the folder."""
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path),
            "bytes": path.stat().st_size,
        }
        for path in files_of(folder / payload)
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Hash the payload's files and write the manifest beside them."""
    manifest = replace(manifest, files=hash_files(folder, manifest.payload))
    text = json.dumps({"manifest_version": MANIFEST_VERSION} | asdict(manifest), indent=2)
    (folder / MANIFEST).write_text(text + "\n")


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
    from infer.detect import detect  # it needs the specs that are defined here

    format_name, payload = detect(path)
    return Artifact(label or path.name, path, format_name, payload)


def check_files(artifact: Artifact) -> None:
    """Compare the files with the manifest; a bare payload has nothing to compare with.

    Raises:
        ArtifactError: a file is missing, too many, truncated or altered.
    """
    if artifact.manifest is None:
        return
    remedy = "export it again, or take a whole copy"
    for name, expected in artifact.manifest.files.items():
        path = beside(artifact.path / MANIFEST, name)
        if not path.is_file():
            raise ArtifactError(f"{path}: missing; {remedy}")
        if path.stat().st_size != expected["bytes"]:
            raise ArtifactError(
                f"{path}: has {path.stat().st_size} bytes, the manifest says "
                f"{expected['bytes']}; {remedy}"
            )
        if sha256_of(path) != expected["sha256"]:
            raise ArtifactError(f"{path}: altered, its SHA-256 is not the manifest's; {remedy}")
    found = {path.relative_to(artifact.path).as_posix() for path in files_of(artifact.payload)}
    extra = sorted(found - artifact.manifest.files.keys())
    if extra:
        raise ArtifactError(f"{artifact.path / extra[0]}: not in the manifest; {remedy}")
    _check_format(artifact)


def _check_format(artifact: Artifact) -> None:
    """See that a payload is what its manifest says: by that it is opened, and trusted."""
    from infer.detect import detect

    try:
        found, _ = detect(artifact.payload)
    except DamagedError:
        raise
    except ArtifactError:
        found = "fake"  # the one format that has no marks
    if found != artifact.format:
        raise ArtifactError(
            f"{artifact.path / MANIFEST}: says {artifact.format}, but {artifact.payload.name} is "
            f"{'something else' if found == 'fake' else found}; export it again"
        )


def fingerprint(artifact: Artifact) -> str:
    """SHA-256 over the payload's files and their paths: whether it is still the same."""
    digest = hashlib.sha256()
    for path in files_of(artifact.payload):
        digest.update(path.relative_to(artifact.payload.parent).as_posix().encode())
        digest.update(sha256_of(path).encode())
    return digest.hexdigest()


def discover(root: Path) -> list[Path]:
    """The folders below `root` that hold a manifest, in the order of their paths."""
    return sorted(path.parent for path in root.rglob(MANIFEST))


def label_paths(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Give every path the shortest name of its last parts that no other path has."""
    parts = [path.absolute().parts for path in paths]
    for path, own in zip(paths, parts, strict=True):
        for length in range(1, len(own) + 1):
            label = "/".join(own[-length:])
            if sum(other[-length:] == own[-length:] for other in parts) == 1:
                break
        yield path, label


def _read_manifest(path: Path) -> Manifest:
    try:
        value = json.loads(path.read_text())
        version = value.get("manifest_version")
        if version != MANIFEST_VERSION:
            raise ArtifactError(
                f"{path}: manifest version {version}, this program reads {MANIFEST_VERSION}; "
                "export it again, or use another version of the program"
            )
        return Manifest.of(value)
    except (
        *(OSError, ValueError, TypeError, KeyError, AttributeError),
        *(OverflowError, RecursionError),  # numbers without end, lists in lists
    ) as error:
        raise ArtifactError(f"{path}: not a manifest ({error}); export it again") from None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
