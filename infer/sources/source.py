"""Recognise what the user names as inputs, where that is no file of arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import InputError
from ..escaping import shell_word
from .description import ARROW, FOLDERS, NAME, PARQUET, Description, read_description

_FUNCTION = re.compile(r"(?P<file>.+\.py):(?P<function>[^\W\d]\w*)", re.DOTALL)
# How `datasets` calls the shards of a split, and what splits are called.
_SHARD = re.compile(r"(?P<split>.+)-\d{5}-of-\d{5}")
_SPLITS = frozenset(("train", "test", "validation", "valid", "val", "dev", "eval"))

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
    if named.suffix.lower() in (*PARQUET, *ARROW) and not named.is_dir():
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
    if tables := _tables_in(folder):
        return Source(folder, "tables", tables)
    return Source(folder, "images", (folder,))


def _described(named: Path, description: Path) -> Source:
    """The source that a TOML file describes; without a name it is about its own folder."""
    described = read_description(description)
    if named != description:
        _check_within(description, described)
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
    if tables := _tables_in(folder):
        return Source(named, "tables", tables, described, description)
    return Source(named, "images", (folder,), described, description)


def _check_within(description: Path, described: Description) -> None:
    """Check that a description which lies in a folder names what lies in this folder.

    A folder may be a stranger's. Who names the file itself has looked at it.

    Raises:
        InputError: it does not.
    """
    patterns = described.parquet or ()
    labels = None if described.labels == FOLDERS else described.labels
    places = [described.images, described.dataset, labels]
    places += [patterns] if isinstance(patterns, str) else patterns
    for name in filter(None, places):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(
                f"{description}: names '{name}', which lies outside of its folder; if you want "
                f"that, name the file itself: --inputs {shell_word(str(description))}"
            )


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
            place = description.parent / pattern
            has_wildcard = any(mark in pattern for mark in "*?[")
            start = Path(place.anchor) if Path(pattern).is_absolute() else description.parent
            found = (
                sorted(start.glob(str(place.relative_to(start))))
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


def _tables_in(folder: Path) -> tuple[Path, ...]:
    """The Parquet files of a folder, else its Arrow files; none if there are none.

    Raises:
        InputError: they are of several splits.
    """
    names = sorted(path for path in folder.iterdir() if path.is_file())
    for suffixes in (PARQUET, ARROW):
        if files := tuple(path for path in names if path.suffix.lower() in suffixes):
            _check_one_split(folder, files)
            return files
    return ()


def _check_one_split(folder: Path, files: Sequence[Path]) -> None:
    by_split: dict[str, set[str]] = {}
    for file in files:
        shard = _SHARD.fullmatch(file.stem)
        name = shard["split"] if shard else file.stem
        last_word = re.split(r"[-_.]", name.lower())[-1]
        if shard or last_word in _SPLITS:
            # Files such as 2024-eval and 2025-eval are of one split, shards of one name are.
            by_split.setdefault(name if shard else last_word, set()).add(name)
    if len(by_split) > 1:
        first = min(by_split)
        (name, *others) = by_split[first]
        start = f"*{first}" if others else name
        raise InputError(
            f"{folder}: holds the splits {', '.join(sorted(by_split))}: say which, as parquet = "
            f'"{start}*{files[0].suffix}" in a file {NAME} there'
        )
