"""Recognise what the user names as inputs, where that is no file of arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import InputError
from .description import FOLDERS, NAME, Description, read_description

_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<function>[^\W\d]\w*)", re.DOTALL)
_TABLES = (".parquet", ".arrow", ".feather")
# How `datasets` calls the shards of a split.
_SHARD = re.compile(r"(?P<split>\w+)-\d{5}-of-\d{5}")

Kind = Literal["images", "tables", "saved", "function"]


@dataclass(frozen=True)
class Source:
    """Where inputs come from that are converted to arrays.

    Attributes:
        named: as the user names it.
        kind: "images" in a folder, "tables", what `datasets` has "saved", or a "function".
        paths: the folder, the files, or the file with the function.
        described: what a TOML file says of them.
        description: the TOML file; None if there is none.
        function: name of the function.
    """

    named: Path
    kind: Kind
    paths: tuple[Path, ...]
    described: Description = field(default_factory=Description)
    description: Path | None = None
    function: str = ""

    @property
    def advice(self) -> str:
        """Where the user says more of the inputs, for messages."""
        if self.description:
            return f"in {self.description}"
        return f"below [inputs.NAME] in a file {NAME} (docs/inputs.md)"

    @property
    def beside(self) -> Path:
        """The folder that the description names files from."""
        return (self.description or self.paths[0]).parent

    @property
    def reads(self) -> list[Path]:
        """What the process that reads it may read; a function of the user's may read all."""
        if self.kind == "function":
            return [Path("/")]
        labels = self.described.labels
        has_file = self.kind == "images" and labels is not None and labels != FOLDERS
        return [*self.paths, *([self.beside / str(labels)] if has_file else [])]


def source_of(named: Path) -> Source | None:
    """Recognise a source; None for a file or folder of arrays.

    Raises:
        InputError: it cannot be told what it is, or what belongs to it is missing.
    """
    if match := _FUNCTION.fullmatch(str(named)):
        file = Path(match["file"])
        if not file.is_file():
            raise InputError(f"{named}: there is no file {file}")
        return Source(named, "function", (file.absolute(),), function=match["function"])
    if named.suffix == ".py":
        raise InputError(f"{named}: name the function that yields batches, as {named}:batches")
    if named.suffix == ".toml":
        return _described(named, named)
    if named.suffix in _TABLES and not named.is_dir():
        return Source(named, "tables", (named,))
    if named.is_dir():
        return _folder(named)
    return None


def _folder(folder: Path) -> Source | None:
    if (folder / NAME).is_file():
        return _described(folder, folder / NAME)
    if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
        return Source(folder, "saved", (folder,))
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    if any(name.endswith(".npy") for name in names):
        return None
    tables = [folder / name for name in names if name.endswith(".parquet")]
    if tables:
        return Source(folder, "tables", _one_split(folder, tables))
    return Source(folder, "images", (folder,))


def _described(named: Path, description: Path) -> Source:
    """The source that a TOML file describes; without a name it is about its own folder."""
    described = read_description(description)
    folder = description.parent
    given = [
        name for name in ("images", "parquet", "dataset") if getattr(described, name) is not None
    ]
    if len(given) > 1:
        raise InputError(f"{description}: says {' and '.join(given)}; say one of them")
    if described.parquet is not None:
        patterns = described.parquet
        files = _matching(description, [patterns] if isinstance(patterns, str) else patterns)
        return Source(named, "tables", tuple(files), described, description)
    if described.images is not None:
        return Source(
            named, "images", (_existing(description, described.images),), described, description
        )
    if described.dataset is not None:
        place = _existing(description, described.dataset)
        return Source(
            named, "saved" if place.is_dir() else "tables", (place,), described, description
        )
    if (folder / "state.json").is_file():
        return Source(named, "saved", (folder,), described, description)
    if tables := sorted(folder.glob("*.parquet")):
        return Source(named, "tables", _one_split(folder, tables), described, description)
    return Source(named, "images", (folder,), described, description)


def _existing(description: Path, name: str) -> Path:
    path = description.parent / name
    if not path.exists():
        raise InputError(f"{description}: there is no {path}")
    return path


def _matching(description: Path, patterns: Sequence[str]) -> list[Path]:
    """The files that patterns stand for, in the order of the patterns and their names."""
    files: list[Path] = []
    for pattern in patterns:
        try:
            has_wildcard = any(mark in pattern for mark in "*?[")
            found = (
                sorted(description.parent.glob(pattern))
                if has_wildcard
                else [_existing(description, pattern)]
            )
        except (ValueError, NotImplementedError) as error:
            raise InputError(f"{description}: '{pattern}' is no pattern ({error})") from None
        if not found:
            raise InputError(f"{description}: there is no file '{pattern}'")
        files += [file for file in found if file not in files]
    if not files:
        raise InputError(f"{description}: 'parquet' names no file")
    return files


def _one_split(folder: Path, files: Sequence[Path]) -> tuple[Path, ...]:
    """The files of a folder, which must not be shards of several splits."""
    splits = {match["split"] for file in files if (match := _SHARD.match(file.name))}
    if len(splits) > 1:
        raise InputError(
            f"{folder}: holds the splits {', '.join(sorted(splits))}: say which, as parquet = "
            f'"{min(splits)}-*.parquet" in a file {NAME} there'
        )
    return tuple(files)
