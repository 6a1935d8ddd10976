"""The inputs of a worker: a file without the true labels, which no artifact may know."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..tensors.text import BYTES, LENGTHS
from .loading import LABELS

# NumPy reads a member under its name with and without the suffix.
_LABELS = {f"{LABELS}{part}{suffix}" for part in ("", BYTES, LENGTHS) for suffix in ("", ".npy")}
_COPIED_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True)
class WorkerInputs:
    """What a worker gets of a file of inputs.

    Attributes:
        file: the file, which reasons name.
        folder: folder for what workers get in its place, which nobody else writes to; made where
            it is needed.
        is_there: whether the file is there before the worker starts, or is written later.
    """

    file: Path
    folder: Path
    is_there: bool = True

    @property
    def readable(self) -> list[Path]:
        """What the worker may read: the folder, and the file if it is not copied."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return [self.folder] if self._is_copied else [self.folder, self.file]

    @property
    def withheld(self) -> list[Path]:
        """What the worker may not read, wherever it lies."""
        return [self.file] if self._is_copied else []

    def path(self) -> Path:
        """The file that the worker reads: the given one, or a copy without labels, made once.

        Raises:
            InputError: it is damaged.
            OSError: the copy cannot be written.
        """
        if not self._is_copied:
            return self.file.resolve()
        # Artifacts may name several files of one name.
        place = hashlib.sha256(str(self.file.resolve()).encode()).hexdigest()[:8]
        copy = self.folder / f"{place}-{self.file.name}"
        if not copy.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            _copy_without_labels(self.file, copy)
        return copy.resolve()

    @property
    def _is_copied(self) -> bool:
        return not self.is_there or _holds_labels(self.file)


def _holds_labels(file: Path) -> bool:
    if not zipfile.is_zipfile(file):  # an array alone, or it is missing or damaged
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return not _LABELS.isdisjoint(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _copy_without_labels(file: Path, copy: Path) -> None:
    part = copy.with_suffix(".part")
    try:
        with zipfile.ZipFile(file) as given, zipfile.ZipFile(part, "w") as inputs:
            for member in given.infolist():
                if member.filename not in _LABELS:
                    with (
                        given.open(member) as source,
                        inputs.open(member.filename, "w", force_zip64=True) as target,
                    ):
                        shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{file}: not a whole .npz file ({error})") from None
    part.replace(copy)
