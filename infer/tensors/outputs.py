"""Outputs in a folder of `.npy` files, which a worker writes and the controller reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from .dtypes import restored, storable

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
        np.save(folder / f"output_{index}.npy", storable(array), allow_pickle=False)
        described.append({"name": name, "dtype": array.dtype.name, "per_call": name in per_call})
    (folder / _INDEX).write_text(json.dumps(described) + "\n")


def read_outputs(folder: Path) -> Outputs:
    """Read the outputs in a folder, by name."""
    described = json.loads((folder / _INDEX).read_text())
    return {
        one["name"]: restored(
            np.load(folder / f"output_{index}.npy", allow_pickle=False), one["dtype"]
        )
        for index, one in enumerate(described)
    }


def without_rows(folder: Path) -> set[str]:
    """List the outputs in a folder that have a row for every call, not for every sample."""
    described = json.loads((folder / _INDEX).read_text())
    return {one["name"] for one in described if one["per_call"]}
