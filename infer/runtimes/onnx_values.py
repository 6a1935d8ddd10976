"""Values of ONNX Runtime, and their types, as NumPy has them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArtifactError
from ..formats.onnx.reader import unranked_tensors
from ..tensors.signature import TensorSpec

# The others are called as in NumPy.
_DTYPES = {"float": "float32", "double": "float64", "string": "string"}


def arrays_of(name: str, value: Any) -> list[tuple[str, np.ndarray]]:
    """The arrays of a value: those of a sequence are called `name[0]`, `name[1]` and so on.

    A sequence of maps, as classifiers of scikit-learn give it, is an array with a row for each
    and a column for each key, in the order of the keys.
    """
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            keys = sorted(value[0])
            return [(name, np.array([[item[key] for key in keys] for item in value]))]
        return [
            part for index, item in enumerate(value) for part in arrays_of(f"{name}[{index}]", item)
        ]
    if isinstance(value, dict):
        return [(name, np.array([value[key] for key in sorted(value)]))]
    if value is None:  # an optional output that is empty
        return []
    return [(name, np.asarray(value))]


def as_text(array: np.ndarray) -> np.ndarray:
    """What ONNX Runtime takes for text: objects are `str`, `bytes` are of fixed width.

    Raises:
        NotImplementedError: bytes end with zeros, which such an array loses.
    """
    if array.dtype.kind != "O" or not array.size or not isinstance(array.flat[0], bytes):
        return array
    if any(value.endswith(b"\0") for value in array.flat):
        raise NotImplementedError(
            "ONNX Runtime's Python takes no bytes that end with a zero, unless all is UTF-8"
        )
    return array.astype(np.bytes_)


def unranked_names(path: Path, ports: tuple[list[Any], list[Any]]) -> frozenset[str]:
    """Names of the inputs and outputs of unknown rank.

    ONNX Runtime gives no sizes for a single value and for an unknown rank alike, so the file tells
    which it is.
    """
    without_sizes = frozenset(value.name for value in itertools.chain(*ports) if not value.shape)
    if not without_sizes:
        return without_sizes
    try:
        return without_sizes & unranked_tensors(path)
    except ArtifactError:
        return without_sizes


def spec_of(value: Any, *, is_unranked: bool) -> TensorSpec:
    """Describe an input or output of a session.

    Raises:
        NotImplementedError: it is of a type that NumPy has not.
    """
    kind = re.sub(r"^optional\((.*)\)$", r"\1", value.type)
    plain = re.fullmatch(r"tensor\((.*)\)", kind)
    inner = re.findall(r"tensor\((\w+)\)", kind)
    if not inner or kind.startswith("sparse"):
        raise NotImplementedError(f"{value.name} is of type {value.type}")
    dtype = _DTYPES.get(inner[-1], inner[-1])
    if dtype != "string" and dtype not in np.sctypeDict:
        raise NotImplementedError(f"{value.name} is of type {value.type}")
    shape: tuple[int | str | None, ...] | None = None
    if plain and not is_unranked:
        shape = tuple(size if isinstance(size, int | str) else None for size in value.shape)
    return TensorSpec(value.name, shape, dtype)
