"""The index of a folder of outputs (output_files.py), which a stranger may have written."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
import numpy as np

from ..regular_file import opened_file
from .dtypes import TEXT, dtype_of, storable
from .outputs import INDEX, CallSamples
from .row_files import OutputError, read_exactly
from .text import escaped

# Limits of an index: bytes, samples in all calls, and dimensions.
MOST_INDEX_BYTES = 256 << 20
MOST_ROWS = 1 << 24
_MOST_DIMENSIONS = 32
# Values of all calls together, of which NumPy counts the bytes in 63 bits: 16 for the largest type.
_MOST_VALUES = 1 << 58

_Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 48)]


class CallEntry(msgspec.Struct, forbid_unknown_fields=True):
    """The samples of a call: ranges of their numbers, and how many of them count."""

    rows: list[tuple[_Size, _Size]]
    samples: _Size


class OutputEntry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An output: its type, its shape in each call, and its axis of the samples."""

    name: str
    dtype: str
    shapes: list[list[_Size]]
    axis: Annotated[int, msgspec.Meta(ge=0, le=_MOST_DIMENSIONS)] | None = None
    settled: bool = False


class Index(msgspec.Struct, forbid_unknown_fields=True):
    """The index: all calls, and all outputs in the order of their files."""

    calls: list[CallEntry]
    outputs: list[OutputEntry]


def read_index(folder: int, most_bytes: int) -> Index:
    """Read the index of a folder, given its descriptor.

    Raises:
        OutputError: it is none.
        NoRegularFileError: it is no regular file, or larger than `most_bytes`.
    """
    with opened_file(INDEX, folder, most_bytes) as (file, size):
        text = read_exactly(file, size, INDEX)
    try:
        return msgspec.json.decode(text, type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OutputError(f"{INDEX} is no index of outputs ({escaped(str(error))})") from None


def calls_of(index: Index) -> tuple[CallSamples, ...]:
    """The calls of an index, after a check of how many samples there are."""
    spans = [(first, end) for call in index.calls for first, end in call.rows]
    if any(first > end or end > MOST_ROWS for first, end in spans):
        raise OutputError(f"{INDEX} has samples that no call can have")
    if sum(end - first for first, end in spans) > MOST_ROWS:
        raise OutputError(f"{INDEX} has more than {MOST_ROWS:,} samples")
    calls = []
    for call in index.calls:
        rows = tuple(row for first, end in call.rows for row in range(first, end))
        if call.samples > len(rows):
            raise OutputError(f"{INDEX} has a call of {len(rows)} samples, {call.samples} of them")
        calls.append(CallSamples(rows, call.samples))
    return tuple(calls)


def stored_type(name: str) -> np.dtype:
    """The type of the values in the file of an output of this type."""
    if name == TEXT:
        return np.dtype(np.int64)
    try:
        dtype = dtype_of(name)
        if dtype.name != name:
            raise OutputError(f"tensors of type '{escaped(name)}' are not known here")
        stored: np.dtype = storable(np.empty(0, dtype)).dtype
    except OutputError:
        raise
    except Exception:  # NumPy reads many things as a type, and fails in many ways
        raise OutputError(f"tensors of type '{escaped(name)}' are not known here") from None
    return stored


def check_outputs(index: Index) -> None:
    """Check that each output is there once, with a shape for each call.

    Raises:
        OutputError: it is not.
    """
    names: set[str] = set()
    for output in index.outputs:
        name = escaped(output.name)
        if output.name in names:
            raise OutputError(f"two outputs are called '{name}'")
        names.add(output.name)
        if len(output.shapes) != len(index.calls):
            raise OutputError(f"'{name}': {len(output.shapes)} shapes for {len(index.calls)} calls")


def count_of(output: OutputEntry) -> int:
    """The number of values of an output in all calls.

    Raises:
        OutputError: a shape is none that an array may have.
    """
    most = _MOST_VALUES // max(1, len(output.shapes))
    return sum(_count(shape, escaped(output.name), most) for shape in output.shapes)


def _count(shape: list[int], name: str, most: int) -> int:
    """The number of values in a shape."""
    if len(shape) > _MOST_DIMENSIONS:
        raise OutputError(f"'{name}' has {len(shape)} dimensions")
    # NumPy multiplies the other sizes, even where there is no value.
    if math.prod(size or 1 for size in shape) > most:
        raise OutputError(f"'{name}' has the shape {shape}")
    return math.prod(shape)
