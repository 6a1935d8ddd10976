"""Outputs in a folder of `.npy` files, which a worker writes and the controller reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from .dtypes import TEXT, kind_of, restored, storable
from .text import as_text, pack, unpack

Outputs = dict[str, np.ndarray]
_INDEX = "outputs.json"


class UnevenError(ValueError):
    """The outputs of several calls cannot be joined."""


def joined(parts: Sequence[np.ndarray], counts: Sequence[int]) -> tuple[np.ndarray, bool]:
    """Join an output of all calls, and tell whether it has a row for each call, not each sample.

    Args:
        parts: the output of each call.
        counts: number of samples in each call; as many rows of its part are used.

    Raises:
        UnevenError: its shape differs between calls.
    """
    has_rows = all(
        part.ndim and len(part) == count for part, count in zip(parts, counts, strict=True)
    )
    if has_rows and len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts), False
    if len({part.shape for part in parts}) == 1:
        return np.stack(parts), True
    # For example, the size of a smaller last batch shows in an axis that is not the first.
    axes = [
        axis
        for axis in range(parts[0].ndim)
        if len({part.shape[:axis] + part.shape[axis + 1 :] for part in parts}) == 1
    ]
    if len({part.ndim for part in parts}) == 1 and len(axes) == 1:
        return np.concatenate(parts, axis=axes[0]), True
    shapes = list(dict.fromkeys(str(part.shape) for part in parts))
    raise UnevenError(f"has another shape in each call: {', then '.join(shapes[:3])}")


def write_outputs(folder: Path, calls: Sequence[Outputs], counts: Sequence[int]) -> None:
    """Write the outputs of calls to a folder.

    Raises:
        OSError: they cannot be written.
        UnevenError: as `joined`.
    """
    arrays: Outputs = {}
    per_call = set()
    for name in calls[0] if calls else ():
        try:
            arrays[name], apart = joined([np.asarray(call[name]) for call in calls], counts)
        except UnevenError as error:
            raise UnevenError(f"'{name}' {error}") from None
        if apart:
            per_call.add(name)
    write_arrays(folder, arrays, per_call)


def write_arrays(folder: Path, arrays: Outputs, per_call: Collection[str] = ()) -> None:
    """Write arrays to a folder unchanged.

    Args:
        folder: an existing folder.
        arrays: arrays by name.
        per_call: names of arrays that have a row for every call, not for every sample.

    Raises:
        OSError: they cannot be written.
    """
    described = []
    for index, (name, array) in enumerate(arrays.items()):
        dtype = array.dtype.name
        if kind_of(array.dtype) == "text":
            dtype = TEXT
            data, array = pack(array)
            np.save(folder / _data_file(index), data, allow_pickle=False)
        np.save(folder / f"output_{index}.npy", storable(array), allow_pickle=False)
        described.append({"name": name, "dtype": dtype, "per_call": name in per_call})
    (folder / _INDEX).write_text(json.dumps(described) + "\n")


def read_outputs(folder: Path) -> Outputs:
    """Read the outputs in a folder, by name."""
    described = json.loads((folder / _INDEX).read_text())
    outputs: Outputs = {}
    for index, one in enumerate(described):
        array = np.load(folder / f"output_{index}.npy", allow_pickle=False)
        if one["dtype"] == TEXT:
            array = as_text(unpack(np.load(folder / _data_file(index), allow_pickle=False), array))
        outputs[one["name"]] = restored(array, one["dtype"])
    return outputs


def _data_file(index: int) -> str:
    """The file of the bytes of a text; the lengths are in the file of the output."""
    return f"output_{index}.bytes.npy"


def without_rows(folder: Path) -> set[str]:
    """List the outputs in a folder that have a row for every call, not for every sample."""
    described = json.loads((folder / _INDEX).read_text())
    return {one["name"] for one in described if one["per_call"]}
