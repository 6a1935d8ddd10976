"""A store: the tensors of inputs on disk, each in a `.npy`, and the true labels apart.

    STORE/tensors/tensors.json     which tensor is where, with the limits of whole numbers
    STORE/tensors/0.npy, 1.npy ... one array each; text is two, of its bytes and lengths
    STORE/truth                    a store of the true labels and what else is the truth, if any is

Workers map the arrays read-only, and may read the folder `tensors` alone. In a store that a run
makes of a file, an entry of the index may name the absolute path of that file and a place in it,
where the `.npy` begins, for an array that lies plainly there. A store that a user names may be a
stranger's: all that its index names lies beside the index. Whatever inputs come from ends in a
store.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import InputError
from ..escaping import printable
from ..regular_file import replace_text
from ..tensors.npy_writer import NpyWriter
from ..tensors.text import BYTES, LENGTHS, pack, packed_names
from .lazy_array import LazyArray, PackedText, Tensors
from .npy import MappedArray

TENSORS, INDEX, TRUTH = "tensors", "tensors.json", "truth"


@dataclass(frozen=True)
class StoredArray:
    """Where an array lies.

    Attributes:
        name: name of the tensor; of text with the ending of the part.
        file: path of the file, relative to the folder of the index, or absolute.
        start: where the `.npy` begins in it, in bytes.
        extremes: the smallest and the largest of whole numbers; None for others.
    """

    name: str
    file: str
    start: int = 0
    extremes: tuple[int, int] | None = None


class StoreWriter:
    """Writes a store: tensors a few rows at a time; a context manager.

    What is not closed without an error is no store: the index is written last.

        with StoreWriter(folder) as store:
            for images, classes in batches:
                store.append({"image": images})
                store.append_truth({"labels": classes})

    Args:
        folder: a folder that is not there yet, or an empty one.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / TENSORS).mkdir(parents=True, exist_ok=True)
        self._writers: dict[str, NpyWriter] = {}
        self._extremes: dict[str, tuple[int, int]] = {}
        self._stored: list[StoredArray] = []
        self._truth: StoreWriter | None = None

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers.values():
            writer.__exit__(kind, error, trace)
        if self._truth:
            self._truth.__exit__(kind, error, trace)
        if error is None:
            self._finish()

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Write further samples of tensors; text is an array of objects or of fixed width.

        Raises:
            ValueError: a tensor's rows are of another type or shape than before.
            OSError: they cannot be written.
        """
        for name, array in rows.items():
            if array.dtype.kind in "OUS":
                data, lengths = pack(array)
                self.append_array(name + BYTES, data)
                self.append_array(name + LENGTHS, lengths)
            else:
                self.append_array(name, array)

    def append_array(self, name: str, array: np.ndarray) -> None:
        """Write further rows of an array as they are; the errors are `append`'s.

        Args:
            name: name of the tensor, or of the part of a text.
            array: rows, none of objects.
        """
        writer = self._writers.get(name)
        if writer is None:
            file = f"{len(self._stored)}.npy"
            self._stored.append(StoredArray(name, file))
            path = self.folder / TENSORS / file
            writer = self._writers[name] = NpyWriter(path, array.dtype, array.shape[1:])
        try:
            writer.append(array)
        except ValueError as error:
            raise ValueError(f"'{name}': {error}") from None
        if (found := extremes_of(array)) is not None:
            low, high = self._extremes.get(name, found)
            self._extremes[name] = min(low, found[0]), max(high, found[1])

    def append_truth(self, rows: Mapping[str, np.ndarray]) -> None:
        """Write further samples of the truth, which no worker may read, as `append` does."""
        if rows and self._truth is None:
            self._truth = StoreWriter(self.folder / TRUTH)
        if self._truth:
            self._truth.append(rows)

    def add(self, name: str, array: np.ndarray) -> None:
        """Write an array that is there as a whole, also one without axes."""
        file = f"{len(self._stored)}.npy"
        np.save(self.folder / TENSORS / file, array, allow_pickle=False)
        self._stored.append(StoredArray(name, file, extremes=extremes_of(array)))

    def refer(
        self, name: str, file: Path, start: int, extremes: tuple[int, int] | None = None
    ) -> None:
        """Name an array that lies plainly in another file, which has to stay as it is.

        Args:
            name: name of the tensor.
            file: path of the file.
            start: where the `.npy` begins in it, in bytes.
            extremes: the smallest and the largest of whole numbers.
        """
        self._stored.append(StoredArray(name, str(file.resolve()), start, extremes))

    def _finish(self) -> None:
        index = [
            asdict(stored) | {"extremes": self._extremes.get(stored.name, stored.extremes)}
            for stored in self._stored
        ]
        text = json.dumps({"version": 1, "arrays": index}, indent=1)
        # Whoever finds it finds all of it.
        replace_text(self.folder / TENSORS / INDEX, text)


def is_store(path: Path) -> bool:
    """Whether a folder is a store."""
    return (path / TENSORS / INDEX).is_file()


def is_of_tensors(path: Path) -> bool:
    """Whether a folder is the folder of tensors of a store, as workers get it."""
    return (path / INDEX).is_file()


def open_store(folder: Path, beside: Collection[Path] | None = ()) -> Tensors:
    """Map the tensors of a store, by name.

    Args:
        folder: the store, or its folder of tensors.
        beside: files that the index may name beside those of the store, as absolute paths; None
            for any, where the process may read nothing else.

    Raises:
        InputError: it is damaged, or a file that it names is not there, or lies elsewhere.
    """
    tensors = folder if is_of_tensors(folder) else folder / TENSORS
    arrays: dict[str, LazyArray] = {}
    try:
        for stored in _index(tensors):
            mapped = MappedArray(_place(tensors, stored.file, beside), stored.start)
            arrays[stored.name] = LazyArray.of_mapped(mapped, stored.extremes)
        return with_text(arrays)
    except OSError as error:
        name = error.filename or folder
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{folder}: not a whole folder of inputs ({error})") from None


def truth_in(folder: Path) -> Tensors:
    """Map the truth of a store, by name; nothing if it has none.

    Raises:
        InputError: it is damaged.
    """
    truth = folder / TRUTH
    if not is_store(truth):
        return {}
    if truth.is_symlink():
        raise InputError(f"{truth}: is a link; put the folder itself there")
    return open_store(truth)


def with_text(arrays: Tensors) -> Tensors:
    """Join the bytes and lengths of text.

    Raises:
        ValueError: lengths do not fit the bytes; the message names the tensor.
    """
    joined = dict(arrays)
    for name in packed_names(arrays):
        data, lengths = joined.pop(name + BYTES), joined.pop(name + LENGTHS)
        try:
            assert isinstance(data.values, np.ndarray)
            joined[name] = LazyArray.of(PackedText(data.values, np.asarray(lengths)))
        except ValueError as error:
            raise ValueError(f"'{name}': {error}") from None
    return joined


def _place(tensors: Path, file: str, beside: Collection[Path] | None) -> Path:
    """The path of a file that an index names.

    Raises:
        ValueError: it lies elsewhere: who made the index could have any file read, and its values
            would be no part of the hash.
    """
    path = tensors / file
    if Path(file).is_absolute() and (beside is None or path in beside):
        return path
    is_beside = path.name == file and path.suffix == ".npy" and not path.is_symlink()
    if not is_beside or tensors.is_symlink():
        raise ValueError(f"it names '{printable(file)}', which is no .npy file in {tensors}")
    return path


def _index(tensors: Path) -> list[StoredArray]:
    index: Any = json.loads((tensors / INDEX).read_text(encoding="utf-8"))
    if index["version"] != 1:
        raise ValueError(f"version {index['version']} is not read here")
    return [
        StoredArray(**entry | {"extremes": entry["extremes"] and tuple(entry["extremes"])})
        for entry in index["arrays"]
    ]


def extremes_of(array: np.ndarray) -> tuple[int, int] | None:
    """The smallest and the largest of whole numbers; None for others, and for no values."""
    if array.dtype.kind not in "iu" or not array.size:
        return None
    return int(array.min()), int(array.max())
