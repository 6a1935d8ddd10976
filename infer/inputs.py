"""Inputs: from an `.npz` file to arrays that fit a signature, a batch at a time."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from infer.artifact import ANY, Signature, TensorSpec

LABELS = "labels"


class InputError(Exception):
    """An inputs file that cannot be read, or does not fit."""


def read_inputs(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file; all have samples as their first dimension.

    Raises:
        InputError: the file is missing, damaged or empty.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        AttributeError,
        TypeError,
    ) as error:
        raise InputError(f"{path}: not a whole .npz file ({error})") from None
    names = [name for name in arrays if name != LABELS]
    if not names:
        raise InputError(f"{path}: holds no inputs beside '{LABELS}'")
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if min(lengths.values()) == 0:
        raise InputError(f"{path}: holds no samples")
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: arrays of different lengths, {lengths}")
    return arrays


def read_labels(path: Path) -> np.ndarray | None:
    """The true classes, int64 N, where the file has them.

    Raises:
        InputError: as `read_inputs`, or the labels are not whole numbers, one a sample.
    """
    labels = read_inputs(path).get(LABELS)
    if labels is None:
        return None
    if labels.size != len(labels) or labels.dtype.kind not in "iu":
        raise InputError(f"{path}: '{LABELS}' is {labels.dtype} {labels.shape}, not one class each")
    if labels.min() < 0:
        raise InputError(f"{path}: '{LABELS}' holds negative values, which are no classes")
    return labels.reshape(-1).astype(np.int64)


def fit_inputs(
    path: Path, signature: Signature, stated: dict[str, Any] | None
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the inputs that a signature asks for, and say what was done to them.

    Where the manifest states that an input was made for values in 0..1, images of uint8 are
    scaled by 1/255; nothing else is converted.

    Raises:
        InputError: a name is missing, or a shape or dtype does not fit.
    """
    arrays = read_inputs(path)
    arrays.pop(LABELS, None)
    ranges = {spec["name"]: spec.get("range") for spec in (stated or {}).get("inputs", [])}
    if len(signature.inputs) == 1 and len(arrays) == 1:
        arrays = {signature.inputs[0].name: next(iter(arrays.values()))}
    fitted, notes = {}, []
    for spec in signature.inputs:
        if spec.name not in arrays:
            raise InputError(f"{path}: has no '{spec.name}', only {', '.join(sorted(arrays))}")
        array = arrays[spec.name]
        limits = ranges.get(spec.name) or spec.range
        if (
            array.dtype == np.uint8
            and spec.dtype == "float32"
            and limits is not None
            and tuple(limits) == (0.0, 1.0)
        ):
            array = array.astype(np.float32) / np.float32(255)
            notes.append(f"{spec.name}: uint8 scaled by 1/255")
        _check(path, spec, array)
        fitted[spec.name] = np.ascontiguousarray(array)
    return fitted, notes


def _check(path: Path, spec: TensorSpec, array: np.ndarray) -> None:
    if spec.dtype != ANY and array.dtype != np.dtype(spec.dtype):
        raise InputError(f"{path}: '{spec.name}' is {array.dtype}, the artifact takes {spec.dtype}")
    if not spec.shape:  # the format does not tell
        return
    fits = len(spec.shape) == array.ndim and all(
        not isinstance(size, int) or size == have
        for size, have in zip(spec.shape[1:], array.shape[1:], strict=False)
    )
    if not fits:
        wanted = " x ".join("any" if s is None else str(s) for s in spec.shape)
        raise InputError(
            f"{path}: '{spec.name}' has the shape {' x '.join(map(str, array.shape))}, "
            f"the artifact takes {wanted}"
        )


class Batcher:
    """Successive batches of arrays that share their first dimension; the last may be smaller."""

    def __init__(self, arrays: dict[str, np.ndarray], size: int) -> None:
        self.arrays = arrays
        self.total = len(next(iter(arrays.values())))
        self.size = size

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        part = slice(index * self.size, (index + 1) * self.size)
        return {name: array[part] for name, array in self.arrays.items()}

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return (self[index] for index in range(len(self)))

    def samples(self, index: int) -> int:
        """How many samples a batch holds."""
        return min(self.size, self.total - index * self.size)

    def full(self, index: int) -> dict[str, np.ndarray]:
        """A batch that is never smaller: after the last sample comes the first again."""
        rows = self.rows(index)
        if rows[-1] - rows[0] == self.size - 1:
            return {name: array[rows[0] : rows[-1] + 1] for name, array in self.arrays.items()}
        return {name: array[rows] for name, array in self.arrays.items()}

    def rows(self, index: int) -> np.ndarray:
        """The numbers of the samples in a full batch."""
        return (index * self.size + np.arange(self.size)) % self.total
