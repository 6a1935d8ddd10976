"""Batches of a folder of images, and the labels that folders or a file give them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import InputError
from ..inputs.loading import LABELS
from .description import (
    ARROW,
    FOLDERS,
    NAME,
    PARQUET,
    SUFFIXES,
    UNREAD_SUFFIXES,
    Description,
    StatedInput,
)
from .images import ImageReader

_BATCH = 32
_LONGEST_FIELD = 4096
DEFAULT_INPUT = "image"


class ImageFolder:
    """The images below a folder, in the order of their paths.

    Attributes:
        samples: how many there are.
    """

    samples: int | None

    def __init__(self, folder: Path, described: Description, advice: str, beside: Path) -> None:
        """List them, and find the labels.

        Args:
            folder: the folder.
            described: what the user says of them.
            advice: where to say what is missing, for messages.
            beside: folder that a file of labels is named from.

        Raises:
            InputError: there is no image, or an image without a label.
        """
        if len(described.inputs) > 1:
            raise InputError(f"{folder}: images are one input, {NAME} has several")
        self._name, stated = next(iter(described.inputs.items()), (DEFAULT_INPUT, StatedInput()))
        if stated.is_of_table:
            raise InputError(
                f"{folder}: [inputs.{self._name}] says 'column', 'shape' or 'length', which are "
                "for tables, not for images"
            )
        self._folder = folder
        self._paths = _images_below(folder)
        if not self._paths:
            kinds = ", ".join(sorted(SUFFIXES))
            raise InputError(f"{folder}: holds no images ({kinds}){_tables_below(folder)}")
        self._labels = _labels(folder, self._paths, described, beside)
        self._reader = ImageReader(stated, advice)
        self.samples = len(self._paths)

    def batches(self) -> Iterator[dict[str, np.ndarray]]:
        """Read some images at a time.

        Raises:
            InputError: one is damaged, or differs from the others.
        """
        for start in range(0, len(self._paths), _BATCH):
            part = slice(start, start + _BATCH)
            images = [(str(self._folder / path), self._folder / path) for path in self._paths[part]]
            batch = {self._name: self._reader.read(images)}
            if self._labels is not None:
                batch[LABELS] = self._labels[part]
            yield batch


def _images_below(folder: Path) -> list[Path]:
    """The images, by their paths in the folder.

    Raises:
        InputError: there is something that would be left out in silence.
    """
    found = []
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if links := [name for name in folders if Path(place, name).is_symlink()]:
            raise InputError(
                f"{Path(place, min(links))}: is a link to a folder, whose images are not read; put "
                "the folder itself there, or remove the link"
            )
        by_suffix = {name: Path(name).suffix.lower() for name in files if not name.startswith(".")}
        if unread := [name for name, suffix in by_suffix.items() if suffix in UNREAD_SUFFIXES]:
            raise InputError(
                f"{Path(place, min(unread))}: images of this kind are not read; convert or remove "
                "it"
            )
        found += [
            Path(place, name).relative_to(folder)
            for name, suffix in by_suffix.items()
            if suffix in SUFFIXES
        ]
    return sorted(found, key=lambda path: path.parts)


def _tables_below(folder: Path) -> str:
    """Where tables lie that a folder without images has, for a message."""
    for place, _, files in os.walk(folder, followlinks=False):
        if any(Path(name).suffix.lower() in (*PARQUET, *ARROW) for name in files):
            return f"; {place} holds tables: name that folder"
    return ""


def _labels(
    folder: Path, paths: Sequence[Path], described: Description, beside: Path
) -> np.ndarray | None:
    """The labels of images, int64 N, or objects of text; None if there are none."""
    if described.classes and described.labels != FOLDERS:
        raise InputError(f"{folder}: 'classes' goes with labels = \"{FOLDERS}\"")
    if described.labels is None:
        return None
    if described.labels == FOLDERS:
        return _labels_of_folders(folder, paths, described.classes)
    return _labels_of_file(beside / described.labels, paths)


def _labels_of_folders(
    folder: Path, paths: Sequence[Path], classes: Sequence[str] | None
) -> np.ndarray:
    for path in paths:
        if len(path.parts) == 1:
            raise InputError(
                f"{folder / path}: is in no folder that would name its class; move it into one, or "
                "give the labels in a file"
            )
    names = sorted({path.parts[0] for path in paths})
    if classes is None:
        numbers = [int(name) for name in names if name.isascii() and name.isdecimal()]
        if len(numbers) == len(names) and numbers != list(range(len(names))):
            raise InputError(
                f"{folder}: folders with the names of numbers, {names[0]} to {names[-1]}, are not "
                f"the classes 0 to {len(names) - 1} in the order of the alphabet: list the names "
                "in the order of the model's classes, as classes = "
                f"{[str(n) for n in sorted(numbers)][:3]}..."
            )
        classes = names
    index = {name: number for number, name in enumerate(classes)}
    if unknown := [name for name in names if name not in index]:
        raise InputError(f"{folder / unknown[0]}: 'classes' does not have '{unknown[0]}'")
    return np.array([index[path.parts[0]] for path in paths], np.int64)


def _labels_of_file(file: Path, paths: Sequence[Path]) -> np.ndarray:
    """The labels of a file of CSV with the columns `file` and `label`."""
    by_path: dict[str, str] = {}
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            rows = csv.DictReader(opened)
            if rows.fieldnames is None or not {"file", "label"} <= set(rows.fieldnames):
                raise InputError(f"{file}: its first line must name the columns file and label")
            for row in rows:
                name, label = row["file"], (row["label"] or "").strip()
                if not name or not label:
                    raise InputError(f"{file}: line {rows.line_num} has no file or no label")
                path = PurePosixPath(name).as_posix()  # without "./"
                if path in by_path:
                    raise InputError(f"{file}: line {rows.line_num} has '{name}' again")
                by_path[path] = label
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: not CSV ({error})") from None
    missing = [path.as_posix() for path in paths if path.as_posix() not in by_path]
    if missing:
        more = f", and of {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{file}: has no label of '{missing[0]}'{more}; paths start at the folder")
    if extra := by_path.keys() - {path.as_posix() for path in paths}:
        raise InputError(f"{file}: names '{min(extra)}', which is not in the folder")
    labels = [by_path[path.as_posix()] for path in paths]
    try:
        return np.array([int(label) for label in labels], np.int64)
    except (ValueError, OverflowError):
        return np.array(labels, object)
