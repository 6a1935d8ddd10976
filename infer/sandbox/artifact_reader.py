"""Find, open, check, hash and describe artifacts, all in the limited reader.

The controller parses no file of a stranger: whoever needs an artifact gets it here. What was read
is kept with the artifact, so that it is read once whatever labels it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ..artifacts.artifact import Artifact
from ..artifacts.contents import ContentFile, Contents, state_of
from ..artifacts.manifest import Manifest
from ..codec import DecodeError, from_json
from ..errors import ArtifactError
from ..formats.description import Description
from ..formats.registry import FORMATS
from ..outcome import Failure, Outcome
from . import reader_process
from .reader_limits import TIME_S, with_folder
from .reader_server import DESCRIBE, LOAD

Reading = TypeVar("Reading")
_CONTENTS = "contents"
# Files of so many bytes in all are hashed again at each load, which takes a tenth of a second.
_HASHED_AGAIN_BYTES = 64 << 20


def open_artifact(path: Path, label: str | None = None) -> Artifact:
    """Recognize the artifact at a path without loading it.

    Raises:
        ArtifactError: the path does not exist, its format is not known here, or its reader exceeds
            a limit of time or memory.
    """
    opened = reader_process.ask("open", str(path), path=str(path))
    manifest = from_json(Manifest, opened["manifest"]) if opened["manifest"] else None
    place = Path(opened["path"])
    return Artifact(label or place.name, place, opened["format"], Path(opened["payload"]), manifest)


class OpenedArtifacts:
    """A cache of artifacts by path, each of which is opened only once."""

    def __init__(self) -> None:
        self._opened: dict[Path, Artifact | ArtifactError] = {}

    def open(self, path: Path, label: str | None = None) -> Artifact:
        """Open the artifact at a path, with a label.

        Raises:
            ArtifactError: it cannot be opened; the same error each time.
        """
        if path not in self._opened:
            try:
                self._opened[path] = open_artifact(path)
            except ArtifactError as error:
                self._opened[path] = error
        opened = self._opened[path]
        if isinstance(opened, ArtifactError):
            raise opened
        return opened.labelled(label) if label else opened


def find(root: Path) -> list[Path]:
    """Find artifacts and payloads of known formats at or below a folder, in order.

    Raises:
        ArtifactError: the folder cannot be read within the limits.
    """
    return [Path(path) for path in reader_process.ask("find", str(root), path=str(root))]


def artifacts_at(path: Path) -> list[Path]:
    """List the artifacts of a path: those below a folder, or else the path itself."""
    return find(path) or [path]


def check_files(artifact: Artifact, *, is_loaded: bool = True) -> None:
    """Compare the files with the manifest; a bare payload has to have its weights only.

    Args:
        artifact: an artifact.
        is_loaded: whether it is to be loaded; one that is only described may lack its weights.

    Raises:
        ArtifactError: a file is missing, superfluous, truncated or altered.
    """
    purpose = LOAD if is_loaded else DESCRIBE

    def check() -> bool:
        artifact.readings[artifact.payload, _CONTENTS] = _contents(artifact, purpose)
        return True

    _once(artifact, f"checked to {purpose}", check)


def contents(artifact: Artifact) -> Contents:
    """The files of an artifact, with their hashes.

    Raises:
        ArtifactError: it is damaged, or names files outside its folder.
    """
    return _once(artifact, _CONTENTS, lambda: _contents(artifact))


def readable_files(artifact: Artifact) -> list[Path]:
    """What its worker may read of an artifact.

    Returns:
        Its files; or its folder as a whole, and what links in it lead to.
    """
    try:
        files = [Path(file.path) for file in contents(artifact).files]
    except ArtifactError:  # its runtime will say what is wrong with it
        return [artifact.payload]
    if artifact.payload.is_dir():
        return [artifact.payload, *(file for file in files if file.is_symlink())]
    return files


def _contents(artifact: Artifact, purpose: str = "") -> Contents:
    path = str(artifact.path)
    value = reader_process.ask(
        "contents",
        path,
        path=path,
        payload=str(artifact.payload),
        format_name=artifact.format,
        has_manifest=artifact.manifest is not None,
        check=purpose,
    )
    files = tuple(
        ContentFile(file["path"], file["bytes"], file["sha256"], tuple(file["state"]))
        for file in value["files"]
    )
    return Contents(files, value["sha256"])


@contextmanager
def unaltered(artifact: Artifact) -> Iterator[None]:
    """Load an artifact in the block: what is loaded is what was hashed when it was opened.

    Before, small files are hashed again, and large ones where their state on disk (inode, size,
    times of change) is another. After, the state shows whether a file was exchanged meanwhile.

    Raises:
        Failure: a file was altered.
        ArtifactError: the files cannot be read.
    """
    if (artifact.payload, _CONTENTS) not in artifact.readings:
        yield  # nobody has said what it is
        return
    if contents(artifact).bytes <= _HASHED_AGAIN_BYTES or not _has_state(artifact):
        _hash_again(artifact)
    yield
    if not _has_state(artifact):
        _hash_again(artifact)


def _has_state(artifact: Artifact) -> bool:
    """Whether the files are on disk as they were when they were hashed."""
    try:
        return all(state_of(Path(file.path)) == file.state for file in contents(artifact).files)
    except OSError:
        return False


def _hash_again(artifact: Artifact) -> None:
    before = contents(artifact)
    try:
        now = _contents(artifact)
    except ArtifactError as error:
        raise Failure(Outcome.LOAD_ERROR, f"altered since it was opened: {error}") from None
    if now.sha256 != before.sha256:
        known = {file.path: file.sha256 for file in before.files}
        name = next(
            (file.path for file in now.files if known.get(file.path) != file.sha256), artifact.path
        )
        raise Failure(
            Outcome.LOAD_ERROR,
            f"{name}: altered since it was opened and hashed (SHA-256 of the artifact was "
            f"{before.sha256[:12]}, is {now.sha256[:12]}); measure it again in a new run",
        )
    artifact.readings[artifact.payload, _CONTENTS] = now


def fingerprint(artifact: Artifact) -> str:
    """The SHA-256 over the payload's files and their paths, which identifies it.

    Raises:
        ArtifactError: as `contents`.
    """
    return contents(artifact).sha256


def describe_artifact(artifact: Artifact) -> Description:
    """Describe the payload of an artifact.

    Raises:
        ArtifactError: as `describe`; the same error each time.
    """
    return _once(artifact, "description", lambda: describe(artifact.format, artifact.payload))


def describe(format_name: str, payload: Path, timeout_s: float = TIME_S) -> Description:
    """Describe a payload.

    Args:
        format_name: as `infer.formats.detection` tells it.
        payload: the file or folder.
        timeout_s: seconds after which the reader is ended.

    Raises:
        ArtifactError: it is damaged, or the reader exceeds a limit of time or memory.
    """
    path = str(payload)
    external = FORMATS[format_name].external if format_name in FORMATS else None
    if external:
        # The code of a plug-in runs in a process of its own, which may read nothing else.
        reads = [*with_folder(payload), Path(external.folder)]
        with reader_process.ReaderProcess(reads) as reader:
            value = reader.ask("describe", path, timeout_s, path=path, format_name=format_name)
    else:
        value = reader_process.ask("describe", path, timeout_s, path=path, format_name=format_name)
    try:
        description: Description = from_json(Description, value)
    except DecodeError as error:  # what the reader of a plug-in made
        raise ArtifactError(f"{payload}: cannot be described ({error})") from None
    return description


def _once(artifact: Artifact, name: str, read: Callable[[], Reading]) -> Reading:
    """What is read of an artifact, or the error that came of it, the same each time."""
    known, key = artifact.readings, (artifact.payload, name)
    if key not in known:
        try:
            known[key] = read()
        except ArtifactError as error:
            known[key] = error
    if isinstance(known[key], ArtifactError):
        raise known[key]
    reading: Reading = known[key]
    return reading
