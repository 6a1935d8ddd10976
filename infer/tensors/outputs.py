"""Outputs as a worker leaves them in a folder and the controller reads them: `.npy` files."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from .dtypes import restored, storable

Outputs = dict[str, np.ndarray]
_INDEX = "outputs.json"


class UnevenError(ValueError):
    """Calls whose outputs cannot be put together."""


def joined(parts: Sequence[np.ndarray], counts: Sequence[int]) -> tuple[np.ndarray, bool]:
    """An output of all calls as one array, and whether it has rows for calls, not for samples.

    Args:
        parts: of each call.
        counts: samples of each call; as many rows of it count.

    Raises:
        UnevenError: it has another shape in each call.
    """
    has_rows = all(
        part.ndim and len(part) == count for part, count in zip(parts, counts, strict=True)
    )
    if has_rows and len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts), False
    if len({part.shape for part in parts}) == 1:
        return np.stack(parts), True
    # A last, smaller batch shows in an axis that is not the first, say.
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
    """Leave the outputs of calls in a folder.

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
    """Leave arrays in a folder as they are.

    Args:
        folder: that there is.
        arrays: by name.
        per_call: names of those that have a row for every call, not for every sample.

    Raises:
        OSError: they cannot be written.
    """
    described = []
    for index, (name, array) in enumerate(arrays.items()):
        np.save(folder / f"output_{index}.npy", storable(array), allow_pickle=False)
        described.append({"name": name, "dtype": array.dtype.name, "per_call": name in per_call})
    (folder / _INDEX).write_text(json.dumps(described) + "\n")


def read_outputs(folder: Path) -> Outputs:
    """The outputs in a folder, by name."""
    described = json.loads((folder / _INDEX).read_text())
    return {
        one["name"]: restored(
            np.load(folder / f"output_{index}.npy", allow_pickle=False), one["dtype"]
        )
        for index, one in enumerate(described)
    }


def without_rows(folder: Path) -> set[str]:
    """The outputs in a folder that have a row for every call, not for every sample."""
    described = json.loads((folder / _INDEX).read_text())
    return {one["name"] for one in described if one["per_call"]}
