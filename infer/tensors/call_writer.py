"""Write the outputs of calls to a folder, one call after the other (read: output_files.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .dtypes import TEXT, kind_of, storable
from .npy_writer import NpyWriter
from .outputs import INDEX, CallSamples, Outputs, data_file, values_file
from .text import pack

# Outputs whose files stay open between calls.
_MOST_OPEN = 64


class CallWriter:
    """Writes outputs as they come: the memory that it takes does not grow with the calls.

    Args:
        folder: an existing folder.

    Raises:
        OSError: they cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._part = folder / f".{INDEX}.part"
        self._index: TextIO | None = None  # its calls are written as they come
        self._outputs: dict[str, _WrittenOutput] = {}

    def write(self, outputs: Outputs, call: CallSamples) -> None:
        """Write the outputs of a call.

        Raises:
            OSError: they cannot be written.
            ValueError: an output is missing, or of another type than in the calls before.
        """
        if self._index is None:
            self._outputs = {
                name: _WrittenOutput.of_first(self.folder, index, np.asarray(array))
                for index, (name, array) in enumerate(outputs.items())
            }
        if odd := self._outputs.keys() ^ outputs.keys():
            raise ValueError(f"the output '{min(odd)}' is missing in some of the calls")
        for name, output in self._outputs.items():
            output.write(np.asarray(outputs[name]), name)
        entry = json.dumps({"rows": _ranges(call.rows), "samples": call.samples})
        if self._index is None:
            self._index = self._part.open("w", encoding="ascii")
            self._index.write('{"calls": [' + entry)
        else:
            self._index.write(", " + entry)

    def close(self) -> None:
        """Write the index, which makes the folder complete.

        Raises:
            OSError: it cannot be written.
        """
        for output in self._outputs.values():
            output.close()
        if self._index is None:
            write_index(self.folder, {"calls": [], "outputs": []})
            return
        with self._index as index:
            index.write('], "outputs": [')
            for number, (name, output) in enumerate(self._outputs.items()):
                start = json.dumps({"name": name, "dtype": output.dtype})[:-1]
                index.write((", " if number else "") + start + ', "shapes": [')
                for place, (shape, calls) in enumerate(output.shapes):
                    index.write(", " if place else "")
                    _write_repeated(index, json.dumps(shape), calls)
                index.write("]}")
            index.write("]}\n")
        self._part.replace(self.folder / INDEX)


@dataclass
class _WrittenOutput:
    """The files of an output that is being written.

    Attributes:
        shapes: its shapes, each with the number of successive calls that have it.
    """

    dtype: str
    values: NpyWriter
    data: NpyWriter | None
    shapes: list[tuple[list[int], int]] = field(default_factory=list)

    @classmethod
    def of_first(cls, folder: Path, index: int, array: np.ndarray) -> _WrittenOutput:
        is_open = index < _MOST_OPEN
        if kind_of(array.dtype) == "text":
            data = NpyWriter(folder / data_file(index), np.dtype(np.uint8), stays_open=is_open)
            lengths = folder / values_file(index)
            return cls(TEXT, NpyWriter(lengths, np.dtype(np.int64), stays_open=is_open), data)
        stored = storable(array.reshape(-1)[:0]).dtype
        values = NpyWriter(folder / values_file(index), stored, stays_open=is_open)
        return cls(array.dtype.name, values, None)

    def write(self, array: np.ndarray, name: str) -> None:
        is_text = kind_of(array.dtype) == "text"
        dtype = TEXT if is_text else array.dtype.name
        if dtype != self.dtype:
            raise ValueError(
                f"the output '{name}' is {self.dtype} in one call, and {dtype} in another"
            )
        if self.data is not None:
            data, array = pack(array)
            self.data.append(data)
        row = storable(np.ascontiguousarray(array)).reshape(-1)
        self.values.append(row.astype(self.values.dtype, copy=False))  # in one order of bytes
        shape, calls = list(array.shape), 1
        if self.shapes and self.shapes[-1][0] == shape:
            calls += self.shapes.pop()[1]
        self.shapes.append((shape, calls))

    def close(self) -> None:
        if self.data is not None:
            self.data.close()
        self.values.close()


def write_calls(folder: Path, outputs: Sequence[Outputs], calls: Sequence[CallSamples]) -> None:
    """Write the outputs of calls to a folder.

    Args:
        folder: an existing folder.
        outputs: outputs of each call, by name.
        calls: the samples of each call.

    Raises:
        OSError: they cannot be written.
        ValueError: an output is missing in some of the calls, or changes its type.
    """
    writer = CallWriter(folder)
    for of_call, call in zip(outputs, calls, strict=True):
        writer.write(of_call, call)
    writer.close()


def write_arrays(folder: Path, arrays: Outputs) -> None:
    """Write the outputs of one call, of which no samples are known.

    Raises:
        OSError: they cannot be written.
    """
    write_calls(folder, [arrays], [CallSamples((), 0)])


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Write the index of a folder, which makes it complete."""
    (folder / INDEX).write_text(json.dumps(index) + "\n")


def _write_repeated(file: TextIO, text: str, times: int) -> None:
    """Write a text several times, with commas between."""
    at_once = 1000
    for done in range(0, times, at_once):
        file.write((", " if done else "") + ", ".join([text] * min(at_once, times - done)))


def _ranges(rows: Sequence[int]) -> list[list[int]]:
    """Successive numbers as their first and the one after the last."""
    ranges: list[list[int]] = []
    for row in rows:
        if ranges and ranges[-1][1] == row:
            ranges[-1][1] = row + 1
        else:
            ranges.append([row, row + 1])
    return ranges
