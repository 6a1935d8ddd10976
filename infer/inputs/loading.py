"""Read inputs and labels: from a file, or from a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..free_memory import available_bytes
from ..tensors.text import BYTES, LENGTHS, packed_names
from .lazy_array import LazyArray, Tensors
from .members import InputFile, Member, opened_inputs
from .npy import MappedArray
from .store import TRUTH, is_of_tensors, is_store, open_store, truth_in, with_text

LABELS = "labels"
# The number of the sample of each row of the truth, where samples have other numbers of rows.
SAMPLE = f"{LABELS}.sample"
_READ_AT_ONCE = 4 << 20  # bytes


def read_inputs(
    path: Path, *, none_is_well: bool = False, file: str | None = None
) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file, or the array of an `.npy` file, named after the file.

    What lies plainly in the file is mapped read-only, the rest is in memory.

    Args:
        path: path of the file, or of a store.
        none_is_well: whether a file without inputs is accepted, for models without inputs.
        file: the user's file, which errors name; None if it is the one at the path.

    Raises:
        InputError: the file is missing, damaged or empty, or the number of labels does not match.
    """
    tensors = open_inputs(path, none_is_well=none_is_well, file=file)
    return {
        name: lazy.values if isinstance(lazy.values, np.ndarray) else np.asarray(lazy)
        for name, lazy in tensors.items()
    }


def open_inputs(path: Path, *, none_is_well: bool = False, file: str | None = None) -> Tensors:
    """Open the arrays of a file, labels among them; the arguments and errors are `read_inputs`'.

    A folder of tensors is a worker's, which may read nothing but it and what lies in the file.
    """
    if is_of_tensors(path):
        tensors = open_store(path, beside=None)
        _check_lengths({name: a.shape for name, a in tensors.items()}, file or path, none_is_well)
        return tensors
    if is_store(path):
        tensors = open_store(path)
        if told := sorted(filter(is_of_labels, tensors)):
            raise InputError(
                f"{file or path}: has the truth '{told[0]}' among the tensors, which workers may "
                f"read; write it with append_truth, into {path / TRUTH}"
            )
        tensors |= truth_in(path)
        _check_lengths({name: a.shape for name, a in tensors.items()}, file or path, none_is_well)
        return tensors
    with opened_inputs(path, file) as opened:
        _check(opened, file or path, none_is_well)
        _check_size(opened.members)
        return with_text({m.name: _array_of(m, opened, path) for m in opened.members})


def check_inputs(path: Path) -> None:
    """Check what a file says of its arrays, without reading their values.

    Raises:
        InputError: as `read_inputs`; damage in the values is found when they are read.
    """
    if is_of_tensors(path):
        raise InputError(f"{path}: holds the tensors alone; name the folder that it is in")
    if is_store(path):
        open_inputs(path)
        return
    with opened_inputs(path) as opened:
        _check(opened, path, none_is_well=False)


def array_names(path: Path) -> list[str]:
    """The names of the arrays of a file, as `read_inputs` calls them.

    Raises:
        InputError: it cannot be read.
    """
    if is_store(path):
        return list(open_inputs(path, none_is_well=True))
    with opened_inputs(path) as opened:
        return list(_shapes(opened.members))


def read_labels(path: Path) -> np.ndarray | None:
    """Read the true classes, int64 N or text N; None if there are none.

    Raises:
        InputError: as `read_inputs`, or the labels are not one whole number or text for each
            sample.
    """
    truth = read_truth(path)
    labels = truth.get(LABELS)
    if labels is None or SAMPLE in truth:  # the rows of samples are no class of each
        return None
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    if not labels.ndim or labels.size != len(labels) or labels.dtype.kind not in "iuU":
        raise InputError(
            f"{path}: '{LABELS}' is {labels.dtype} {labels.shape}, not one class each; "
            "say what it is the truth of, as --task regression (docs/metrics.md)"
        )
    if labels.dtype.kind == "U":
        return labels.reshape(-1)
    if labels.min() < 0:
        raise InputError(f"{path}: '{LABELS}' holds negative values, which are no classes")
    return labels.reshape(-1).astype(np.int64)


def read_truth(path: Path) -> dict[str, np.ndarray]:
    """Read the truth by name: `labels`, and arrays whose names begin with `labels.`.

    Raises:
        InputError: as `read_inputs`.
    """
    if is_store(path):
        return {name: _as_array(array) for name, array in truth_in(path).items()}
    with opened_inputs(path) as opened:
        _check(opened, path, none_is_well=True)
        members = [m for m in opened.members if is_of_labels(m.name)]
        _check_size(members)
        arrays = with_text({m.name: _array_of(m, opened, path) for m in members})
        return {name: np.asarray(array) for name, array in arrays.items()}


def _as_array(tensor: LazyArray) -> np.ndarray:
    """The whole of a tensor; text as NumPy has it."""
    array = np.asarray(tensor)
    is_text = array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat)
    return array.astype(np.str_) if is_text else array


def is_of_labels(name: str) -> bool:
    """Whether an array of a file is of the truth, or a part of it."""
    return name in (LABELS, LABELS + BYTES, LABELS + LENGTHS) or name.startswith(f"{LABELS}.")


def _array_of(member: Member, opened: InputFile, path: Path) -> LazyArray:
    """Map an array, once its checksum is compared, or read it into memory if it is compressed."""
    if member.start is None:
        with opened.stream(member) as stream:
            return LazyArray.of(np.lib.format.read_array(stream, allow_pickle=False))
    if member.entry is not None:
        with opened.stream(member) as stream:
            while stream.read(_READ_AT_ONCE):
                pass
    return LazyArray.of_mapped(MappedArray(path, member.start))


def _check_size(members: list[Member]) -> None:
    """Check that compressed arrays fit into memory before any is unpacked.

    Raises:
        MemoryError: they do not.
    """
    size = sum(member.bytes for member in members if member.start is None)
    if size > available_bytes():
        raise MemoryError


def _shapes(members: list[Member]) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays, those of text among them, by name."""
    shapes = {member.name: member.header.shape for member in members}
    for name in packed_names(shapes):
        del shapes[name + BYTES]
        shapes[name] = shapes.pop(name + LENGTHS)
    return shapes


def _check(opened: InputFile, named: str | Path, none_is_well: bool) -> None:
    _check_lengths(_shapes(opened.members), named, none_is_well)


def _check_lengths(
    shapes: Mapping[str, tuple[int, ...]], named: str | Path, none_is_well: bool
) -> None:
    names = [name for name in shapes if not is_of_labels(name)]
    if not names and not none_is_well:
        raise InputError(f"{named}: holds no inputs beside '{LABELS}'")
    lengths = {name: shape[0] for name, shape in shapes.items() if shape}
    if not all(lengths.values()):
        raise InputError(f"{named}: holds no samples")
    of_inputs = [lengths.get(name) for name in names]
    # Labels with numbers of samples are rows of these.
    is_each = LABELS in lengths and SAMPLE not in shapes
    if is_each and names and lengths[LABELS] not in of_inputs:
        raise InputError(f"{named}: arrays of different lengths, {lengths}")
