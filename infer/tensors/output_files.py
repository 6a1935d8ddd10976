"""Read the outputs in a folder (outputs.py), and take over those that a stranger has written.

Nothing in the folder is believed: files are regular ones and no links, the index is of its type,
and each file has as many values of the type as the index says. There is a limit for all together.
Numbers are read in pieces or mapped, so that they may be larger than the memory; what a stranger
could still alter is copied before, and never mapped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from ..free_memory import available_bytes
from ..regular_file import NoRegularFileError, opened_folder
from .call_writer import write_index
from .dtypes import TEXT, restored
from .output_index import (
    MOST_INDEX_BYTES,
    OutputEntry,
    calls_of,
    check_outputs,
    count_of,
    read_index,
    stored_type,
)
from .outputs import (
    CallSamples,
    Outputs,
    SampleAxis,
    SavedOutput,
    SavedOutputs,
    Shape,
    data_file,
    values_file,
)
from .row_files import OutputError, copy_row, opened_row
from .text import as_text, escaped, unpack

# Of the free memory, what the outputs of one artifact may take; they are compared with others.
_MEMORY_SHARE = 0.75
_ANY_BYTES = 1 << 62


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
        most_bytes: the most bytes of all outputs together; None for any number of bytes of numbers,
            which are mapped, and what the free memory allows of text.
        most_index_bytes: the most bytes of the index.

    Raises:
        OutputError: the folder does not hold what `CallWriter` writes, or too much of it.
    """
    try:
        return _read_saved(folder, axes, most_bytes, most_index_bytes)
    except NoRegularFileError as error:
        raise OutputError(str(error)) from None


def _read_saved(
    folder: Path, axes: Path | None, most_bytes: int | None, most_index_bytes: int
) -> SavedOutputs:
    with opened_folder(folder) as descriptor:
        index = read_index(descriptor, most_index_bytes)
        calls = calls_of(index)
        check_outputs(index)
        known = index
        if axes is not None:
            with opened_folder(axes) as other:
                known = read_index(other, most_index_bytes)
        by_name = {output.name: SampleAxis(output.axis, output.settled) for output in known.outputs}
        saved: SavedOutputs = {}
        left = most_bytes
        for number, output in enumerate(index.outputs):
            row, size = _read_output(descriptor, number, output, left)
            left = None if left is None else left - size
            sample_axis = by_name.get(output.name, SampleAxis())
            parts = _parts(row, output)
            if not _has_axis(sample_axis.axis, parts, calls):
                sample_axis = SampleAxis(None, settled=True)
            saved[output.name] = SavedOutput(calls, parts, sample_axis, row=row)
    return saved


def take_over(
    folder: Path,
    destination: Path,
    check: Callable[[tuple[CallSamples, ...] | None], None],
    *,
    most_bytes: int | None = None,
    most_index_bytes: int = MOST_INDEX_BYTES,
) -> None:
    """Copy the outputs in a folder to another one, piece after piece, after they were checked.

    Args:
        folder: folder of the outputs, which a stranger may still write.
        destination: an existing folder, which nobody else writes.
        check: raises OutputError if the calls are not those that were asked for; it is given None
            where there are no outputs.
        most_bytes, most_index_bytes: as of `read_saved`.

    Raises:
        OutputError: the folder does not hold what `CallWriter` writes, or too much of it.
        OSError: the copy cannot be written.
    """
    left = most_bytes
    if left is None:
        left = int(available_bytes() * _MEMORY_SHARE)
    try:
        with opened_folder(folder) as descriptor:
            index = read_index(descriptor, most_index_bytes)
            calls = calls_of(index)
            check(calls if index.outputs else None)
            check_outputs(index)
            for number, output in enumerate(index.outputs):
                left -= _copy_output(descriptor, destination, number, output, left)
    except NoRegularFileError as error:
        raise OutputError(str(error)) from None
    index.outputs = [
        OutputEntry(output.name, output.dtype, output.shapes) for output in index.outputs
    ]
    write_index(destination, msgspec.to_builtins(index))


def _copy_output(
    folder: int, destination: Path, number: int, output: OutputEntry, most_bytes: int
) -> int:
    """Copy the files of an output; return their number of bytes."""
    name, stored = values_file(number), stored_type(output.dtype)
    with opened_row(folder, name, stored, most_bytes, count_of(output)) as row:
        copy_row(row, destination / name)
    if output.dtype != TEXT:
        return row.size
    # The copy is what counts: nobody alters it any more.
    size = 0
    with (
        opened_folder(destination) as copied,
        opened_row(copied, name, stored, row.size) as lengths,
    ):
        for part in lengths.chunks():
            if part.min(initial=0) < 0 or part.max(initial=0) > most_bytes:
                raise OutputError(f"'{escaped(output.name)}': a length does not lie within it")
            size += int(part.sum(dtype=np.float64))
    name = data_file(number)
    with opened_row(folder, name, np.dtype(np.uint8), most_bytes - row.size) as data:
        if data.count != size:
            raise OutputError(
                f"'{escaped(output.name)}': there are {data.count} bytes, the lengths say {size}"
            )
        copy_row(data, destination / name)
    return row.size + data.size


def read_call(folder: Path) -> Outputs:
    """Read the outputs of the only call in a folder, as the artifact gave them.

    Raises:
        OutputError: as `read_saved`.
    """
    return {name: output.parts[0] for name, output in read_saved(folder).items() if output.parts}


def write_axes(folder: Path, axes: Mapping[str, SampleAxis]) -> None:
    """Add to the index of a folder which axis of each output is that of the samples.

    Raises:
        OutputError: it has no index.
    """
    try:
        with opened_folder(folder) as descriptor:
            index = read_index(descriptor, MOST_INDEX_BYTES)
    except NoRegularFileError as error:
        raise OutputError(str(error)) from None
    for output in index.outputs:
        sample_axis = axes[output.name]
        output.axis, output.settled = sample_axis.axis, sample_axis.settled
    write_index(folder, msgspec.to_builtins(index))


def _read_output(
    folder: int, number: int, output: OutputEntry, most_bytes: int | None
) -> tuple[np.ndarray, int]:
    """The values of an output in one row, and the number of bytes of its files."""
    stored = stored_type(output.dtype)
    most = _ANY_BYTES if most_bytes is None else most_bytes  # numbers are mapped
    if output.dtype == TEXT and most_bytes is None:
        most = int(available_bytes() * _MEMORY_SHARE)
    with opened_row(folder, values_file(number), stored, most, count_of(output)) as row:
        values = row.read()
    if output.dtype != TEXT:
        return restored(values, output.dtype), row.size
    with opened_row(folder, data_file(number), np.dtype(np.uint8), most - row.size) as data:
        try:
            return as_text(unpack(data.read(), values)), row.size + data.size
        except ValueError as error:
            raise OutputError(f"'{escaped(output.name)}': {error}") from None


def _has_axis(axis: int | None, parts: Sequence[np.ndarray], calls: Sequence[CallSamples]) -> bool:
    """Whether all calls have their samples on this axis; another run may have other shapes."""
    if axis is None:
        return True
    sizes = [part.shape[axis : axis + 1] for part in parts]
    rest = {part.shape[:axis] + part.shape[axis + 1 :] for part in parts}
    return sizes == [(len(call.rows),) for call in calls] and len(rest) == 1


def _parts(values: np.ndarray, output: OutputEntry) -> tuple[np.ndarray, ...]:
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
