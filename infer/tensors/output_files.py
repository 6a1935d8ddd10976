"""Read the outputs in a folder (outputs.py), which a stranger may have written.

Nothing in the folder is believed: files are regular ones and no links, the index is of its type,
and each file has as many values of the type as the index says. There is a limit for all together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import numpy as np

from ..free_memory import available_bytes
from ..regular_file import NoRegularFileError, opened_file, opened_folder
from .dtypes import TEXT, dtype_of, restored, storable
from .outputs import (
    INDEX,
    CallSamples,
    Outputs,
    SampleAxis,
    SavedOutput,
    SavedOutputs,
    Shape,
    data_file,
    values_file,
    write_calls,
    write_index,
)
from .text import as_text, escaped, unpack

# Limits of an index: bytes, samples in all calls, and dimensions.
MOST_INDEX_BYTES = 256 << 20
MOST_ROWS = 1 << 24
_MOST_DIMENSIONS = 32
# Of the free memory, what the outputs of one artifact may take; they are compared with others.
_MEMORY_SHARE = 0.75
# What NumPy writes for a row of numbers: version 1.0, and a dictionary padded with spaces.
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<>|][biufc][0-9]{1,2})', 'fortran_order': (?:False|True), "
    rb"'shape': \(([0-9]{1,18}),\), \} *\n"
)

_Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 48)]


class OutputError(ValueError):
    """The outputs in a folder cannot be read; the message is one line."""


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[tuple[_Size, _Size]]
    samples: _Size


class _Output(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    dtype: str
    shapes: list[list[_Size]]
    axis: Annotated[int, msgspec.Meta(ge=0, le=_MOST_DIMENSIONS)] | None = None
    settled: bool = False


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    calls: list[_Call]
    outputs: list[_Output]


def read_saved(
    folder: Path,
    axes: Path | None = None,
    *,
    most_bytes: int | None = None,
    most_index_bytes: int = MOST_INDEX_BYTES,
) -> SavedOutputs:
    """Read the outputs in a folder, by name.

    Args:
        folder: folder of the outputs.
        axes: folder of other outputs of the same artifact, whose index tells the axes.
        most_bytes: the most bytes of all outputs together; None for what the free memory allows.
        most_index_bytes: the most bytes of the index.

    Raises:
        OutputError: the folder does not hold what `write_calls` writes, or too much of it.
    """
    try:
        return _read_saved(folder, axes, most_bytes, most_index_bytes)
    except NoRegularFileError as error:
        raise OutputError(str(error)) from None


def _read_saved(
    folder: Path, axes: Path | None, most_bytes: int | None, most_index_bytes: int
) -> SavedOutputs:
    if most_bytes is None:
        most_bytes = int(available_bytes() * _MEMORY_SHARE)
    with opened_folder(folder) as descriptor:
        index = _read_index(descriptor, most_index_bytes)
        calls = _calls_of(index)
        known = index
        if axes is not None:
            with opened_folder(axes) as other:
                known = _read_index(other, most_index_bytes)
        by_name = {output.name: SampleAxis(output.axis, output.settled) for output in known.outputs}
        saved: SavedOutputs = {}
        left = most_bytes
        for number, output in enumerate(index.outputs):
            if output.name in saved:
                raise OutputError(f"two outputs are called '{escaped(output.name)}'")
            if len(output.shapes) != len(calls):
                name = escaped(output.name)
                raise OutputError(f"'{name}': {len(output.shapes)} shapes for {len(calls)} calls")
            values, size = _read_output(descriptor, number, output, left)
            left -= size
            sample_axis = by_name.get(output.name, SampleAxis())
            saved[output.name] = SavedOutput(calls, _parts(values, output), sample_axis)
    return saved


def read_call(folder: Path) -> Outputs:
    """Read the outputs of the only call in a folder, as the artifact gave them.

    Raises:
        OutputError: as `read_saved`.
    """
    return {name: output.parts[0] for name, output in read_saved(folder).items() if output.parts}


def write_saved(folder: Path, saved: SavedOutputs) -> None:
    """Write outputs that were read to another folder, which exists.

    Raises:
        OSError: they cannot be written.
    """
    calls = next(iter(saved.values())).calls if saved else ()
    outputs = [
        {name: output.parts[number] for name, output in saved.items()}
        for number in range(len(calls))
    ]
    write_calls(folder, outputs, calls)


def write_axes(folder: Path, axes: Mapping[str, SampleAxis]) -> None:
    """Add to the index of a folder which axis of each output is that of the samples.

    Raises:
        OutputError: it has no index.
    """
    try:
        with opened_folder(folder) as descriptor:
            index = _read_index(descriptor, MOST_INDEX_BYTES)
    except NoRegularFileError as error:
        raise OutputError(str(error)) from None
    for output in index.outputs:
        sample_axis = axes[output.name]
        output.axis, output.settled = sample_axis.axis, sample_axis.settled
    write_index(folder, msgspec.to_builtins(index))


def _read_index(folder: int, most_bytes: int) -> _Index:
    with opened_file(INDEX, folder, most_bytes) as (file, size):
        text = _read_exactly(file, size, INDEX)
    try:
        return msgspec.json.decode(text, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OutputError(f"{INDEX} is no index of outputs ({escaped(str(error))})") from None


def _calls_of(index: _Index) -> tuple[CallSamples, ...]:
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


def _read_output(
    folder: int, number: int, output: _Output, most_bytes: int
) -> tuple[np.ndarray, int]:
    """The values of an output in one row, and the number of bytes of its files."""
    count = sum(_count(shape, escaped(output.name)) for shape in output.shapes)
    stored = _stored_type(output.dtype)
    values, size = _read_row(folder, values_file(number), stored, most_bytes, count)
    if output.dtype != TEXT:
        return restored(values, output.dtype), size
    data, data_size = _read_row(folder, data_file(number), np.dtype(np.uint8), most_bytes - size)
    try:
        return as_text(unpack(data, values)), size + data_size
    except ValueError as error:
        raise OutputError(f"'{escaped(output.name)}': {error}") from None


def _stored_type(name: str) -> np.dtype:
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


def _read_row(
    folder: int, name: str, dtype: np.dtype, most_bytes: int, count: int | None = None
) -> tuple[np.ndarray, int]:
    """Read a `.npy` file of one row of numbers; return them, and the number of bytes.

    Args:
        folder: descriptor of its folder.
        name: name of the file.
        dtype: the type that it must have.
        most_bytes: the most bytes that it may have.
        count: the number of values that it must have; None for any.
    """
    with opened_file(name, folder, most_bytes) as (file, size):
        start = _read_exactly(file, min(size, len(_MAGIC) + 2), name)
        if len(start) < len(_MAGIC) + 2 or start[: len(_MAGIC)] != _MAGIC:
            raise OutputError(f"{name} is no array")
        length = int.from_bytes(start[len(_MAGIC) :], "little")
        header = _HEADER.fullmatch(_read_exactly(file, length, name))
        if header is None:
            raise OutputError(f"{name} is no row of numbers")
        values = int(header[2])
        stored = np.dtype(header[1].decode())
        if stored.newbyteorder("=") != dtype:
            raise OutputError(f"{name} holds {stored.name}, the index says {dtype.name}")
        if count is not None and values != count:
            raise OutputError(f"{name} has {values:,} values, the index says {count:,}")
        if size != len(start) + length + values * stored.itemsize:
            raise OutputError(f"{name} has {size:,} bytes, which its header contradicts")
        row = np.fromfile(file, stored, values)
        if row.size != values:
            raise OutputError(f"{name} was cut short while it was read")
        return row, size


def _read_exactly(file: BinaryIO, size: int, name: str) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = file.read(size - len(data))
        if not part:
            raise OutputError(f"{name} ends too early")
        data += part
    return bytes(data)


def _parts(values: np.ndarray, output: _Output) -> tuple[np.ndarray, ...]:
    shapes: list[Shape] = [tuple(shape) for shape in output.shapes]
    ends = np.cumsum([math.prod(shape) for shape in shapes], dtype=int)
    return (
        tuple(
            part.reshape(shape)
            for part, shape in zip(np.split(values, ends[:-1]), shapes, strict=True)
        )
        if shapes
        else ()
    )


def _count(shape: list[int], name: str) -> int:
    """The number of values in a shape."""
    if len(shape) > _MOST_DIMENSIONS:
        raise OutputError(f"'{name}' has {len(shape)} dimensions")
    # NumPy multiplies the other sizes, even where there is no value.
    if math.prod(size or 1 for size in shape) > 1 << 60:
        raise OutputError(f"'{name}' has the shape {shape}")
    return math.prod(shape)
