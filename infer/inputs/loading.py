"""Read inputs and labels from a file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from ..free_memory import available_bytes
from ..regular_file import opened_as_named
from ..tensors.text import BYTES, LENGTHS, packed_names, unpack_all

LABELS = "labels"
# Of a file: NumPy looks for each among all.
_MOST_ARRAYS = 10_000


def read_inputs(
    path: Path, *, none_is_well: bool = False, file: str | None = None
) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file, or the array of an `.npy` file, named after the file.

    Args:
        path: path of the file.
        none_is_well: whether a file without inputs is accepted, for models without inputs.
        file: the user's file, which errors name; None if it is the one at the path.

    Raises:
        InputError: the file is missing, damaged or empty, or the number of labels does not match.
    """
    named = file or path
    kind = ".npz"
    try:
        with opened_as_named(path) as opened:
            is_npy = opened.read(6) == b"\x93NUMPY"
            opened.seek(0)
            if is_npy:
                kind = ".npy"
                arrays = {path.stem: np.load(opened, allow_pickle=False)}
            else:
                _check_size(opened)
                with np.load(opened, allow_pickle=False) as archive:
                    arrays = unpack_all(_arrays(archive))
    except OSError as error:
        raise InputError(f"{named}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise InputError(f"{named}: says that it holds more than fits into memory") from None
    except Exception as error:  # NumPy and zipfile raise many types for a damaged file
        raise InputError(f"{named}: not a whole {kind} file ({error})") from None
    names = [name for name in arrays if name != LABELS]
    if not names and not none_is_well:
        raise InputError(f"{named}: holds no inputs beside '{LABELS}'")
    if any(array.ndim and not len(array) for array in arrays.values()):
        raise InputError(f"{named}: holds no samples")
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    if LABELS in lengths and names and lengths[LABELS] not in [lengths.get(n) for n in names]:
        raise InputError(f"{named}: arrays of different lengths, {lengths}")
    return arrays


def _arrays(archive: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    """The arrays of an archive by the names that NumPy gives them: without ".npy".

    Raises:
        ValueError: two have one name, or a member is no array.
    """
    arrays: dict[str, np.ndarray] = {}
    assert archive.zip is not None  # until it is closed
    for member in archive.zip.namelist():
        name = member.removesuffix(".npy")
        if name in arrays:
            raise ValueError(f"it holds '{name}' twice")
        array = archive[member]
        if not isinstance(array, np.ndarray):  # NumPy gives the bytes of any other file
            raise ValueError(f"'{name}' in it is no array")
        arrays[name] = array
    return arrays


def _check_size(file: BinaryIO) -> None:
    """Check that the arrays of an archive fit into memory before any is unpacked.

    Raises:
        MemoryError: they do not.
        ValueError: they are too many.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    file.seek(0)
    if len(entries) > _MOST_ARRAYS:
        raise ValueError(f"it holds {len(entries):,} files, more than {_MOST_ARRAYS:,}")
    size = sum(entry.file_size for entry in entries)
    if size > available_bytes():
        raise MemoryError


def array_names(path: Path) -> list[str]:
    """The names of the arrays in an inputs file, as `read_inputs` calls them.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with opened_as_named(path) as opened:
            if opened.read(6) == b"\x93NUMPY":
                return [path.stem]
            opened.seek(0)
            file = np.load(opened, allow_pickle=False)
            packed = packed_names(file.files)
            parts = {f"{name}{part}" for name in packed for part in (BYTES, LENGTHS)}
            return [name for name in file.files if name not in parts] + packed
    except Exception as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def read_labels(path: Path) -> np.ndarray | None:
    """Read the true classes, int64 N or text N; None if the file has none.

    Raises:
        InputError: as `read_inputs`, or the labels are not one whole number or text for each
            sample.
    """
    labels = read_inputs(path, none_is_well=True).get(LABELS)
    if labels is None:
        return None
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    if not labels.ndim or labels.size != len(labels) or labels.dtype.kind not in "iuU":
        raise InputError(f"{path}: '{LABELS}' is {labels.dtype} {labels.shape}, not one class each")
    if labels.dtype.kind == "U":
        return labels.reshape(-1)
    if labels.min() < 0:
        raise InputError(f"{path}: '{LABELS}' holds negative values, which are no classes")
    return labels.reshape(-1).astype(np.int64)
