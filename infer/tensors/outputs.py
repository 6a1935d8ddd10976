"""Outputs of calls, as they lie in a folder of `.npy` files (written: call_writer.py).

The folder holds the outputs of every call as the artifact gave them. Its index says which samples
each call had, and which axis of an output is that of the samples, once this is known
(sample_axis.py). Calls are joined, and samples told apart, by that axis alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from .collected_rows import CollectedRows
from .ragged import Ragged, SampleValues

Outputs = dict[str, np.ndarray]
Shape = tuple[int, ...]
INDEX = "outputs.json"


@dataclass(frozen=True)
class CallSamples:
    """The samples of a call.

    Attributes:
        rows: the number of the sample in each place.
        samples: how many of these places count; the rest fill the call up to a fixed number.
    """

    rows: tuple[int, ...]
    samples: int

    @classmethod
    def from_range(cls, first: int, samples: int) -> CallSamples:
        """A call with successive samples."""
        return cls(tuple(range(first, first + samples)), samples)


@dataclass(frozen=True)
class SampleAxis:
    """The axis of the samples in an output.

    Attributes:
        axis: None if there is none, or none is known.
        settled: whether that was shown or stated. Otherwise the output of another artifact, which
            it is compared with, may say it.
    """

    axis: int | None = None
    settled: bool = False


@dataclass(frozen=True)
class SavedOutput:
    """An output in all calls of a pass over the samples.

    Attributes:
        calls: the samples of each call.
        parts: the output of each call, as the artifact gave it.
        sample_axis: its axis of the samples.
        by_rows: whether the calls are the samples, and may have another number of rows each.
        row: the values of all parts in one row, which may lie on disk; None if they do not.
    """

    calls: tuple[CallSamples, ...]
    parts: tuple[np.ndarray, ...]
    sample_axis: SampleAxis = SampleAxis()
    by_rows: bool = False
    row: np.ndarray | None = None

    @cached_property
    def has_samples(self) -> bool:
        """Whether the samples can be told apart, and have one shape."""
        return not self.by_rows and (self.sample_axis.axis is not None or self._is_stacked)

    @property
    def axis(self) -> int | None:
        """The axis of the samples; None if there is none."""
        return self.sample_axis.axis

    @property
    def shapes(self) -> list[Shape]:
        """The shape in each call."""
        return [part.shape for part in self.parts]

    @property
    def is_single(self) -> bool:
        """Whether every call had one sample, so that its output is that of the sample."""
        return all(len(call.rows) == 1 for call in self.calls)

    @cached_property
    def array(self) -> np.ndarray:
        """The values: N x anything if it has samples, else those of call after call in one row."""
        if self.axis is not None and not self.by_rows:
            return self._by_axis(self.axis)
        if self._is_stacked:
            return self._joined([part[None] for part in self.parts])
        return self._joined([part.reshape(-1) for part in self.parts])

    def _by_axis(self, axis: int) -> np.ndarray:
        """The samples of all calls, N x anything."""
        is_filled = any(len(call.rows) != call.samples for call in self.calls[:-1])
        if self.row is not None and axis == 0 and not is_filled:
            samples = sum(call.samples for call in self.calls)
            rest = self.parts[0].shape[1:]
            rows = sum(len(part) for part in self.parts)
            return self.row.reshape(rows, *rest)[:samples]
        return joined(
            [
                np.moveaxis(part, axis, 0)[: call.samples]
                for part, call in zip(self.parts, self.calls, strict=True)
            ]
        )

    def _joined(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """All parts along their first axis, without a copy where they lie in one row."""
        if self.row is None:
            return joined(parts)
        return self.row.reshape(sum(map(len, parts)), *parts[0].shape[1:])

    @cached_property
    def rows(self) -> Ragged | None:
        """The rows of each sample, where the calls are the samples; None if they are not.

        A first axis of length 1 before the rows is left out.
        """
        if not self.is_single or not self.calls:
            return None
        parts = self.parts
        lengths = [set(sizes) for sizes in zip(*self.shapes, strict=False)]
        if len(lengths) > 1 and lengths[0] == {1} and len(lengths[1]) > 1:
            parts = tuple(part[0] for part in parts)
        if any(not part.ndim for part in parts) or len({part.shape[1:] for part in parts}) > 1:
            return None
        offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return Ragged(self._joined(parts), offsets)

    @property
    def is_ragged(self) -> bool:
        """Whether the samples can be told apart, and may have another number of rows each."""
        return not self.has_samples and self.rows is not None

    @property
    def by_sample(self) -> SampleValues | None:
        """The values by sample; None if the samples cannot be told apart."""
        return self.array if self.has_samples else self.rows

    @property
    def placeholder(self) -> np.ndarray:
        """An array of the type and shape that the output is matched with others by."""
        return np.broadcast_to(np.zeros((), self.array.dtype), self.shape)

    @property
    def placeholder_of_rows(self) -> np.ndarray | None:
        """The same of rows of samples, whose number tells nothing; None if it has none."""
        rows = self.rows
        if rows is None:
            return None
        return np.broadcast_to(
            np.zeros((), rows.values.dtype), (len(rows), 1, *rows.values.shape[1:])
        )

    @property
    def shape(self) -> Shape:
        """The shape of all calls together.

        Calls without samples are joined along the first axis, or along the only one that varies
        between calls.
        """
        if self.has_samples:
            return self.array.shape
        shapes = [shape or (1,) for shape in self.shapes]
        sizes = [set(by_call) for by_call in zip(*shapes, strict=False)]
        varying = [axis for axis, by_call in enumerate(sizes) if len(by_call) > 1]
        if len({len(shape) for shape in shapes}) > 1 or len(varying) > 1:
            return self.array.shape
        axis = varying[0] if varying else 0
        rest = shapes[0][:axis] + shapes[0][axis + 1 :]
        return (sum(shape[axis] for shape in shapes), *rest)

    @property
    def _is_stacked(self) -> bool:
        """Whether the calls are the samples, and have the same shape."""
        return (
            not self.sample_axis.settled
            and not self.by_rows
            and self.axis is None
            and self.is_single
            and len(self.calls) > 0
            and len(set(self.shapes)) == 1
        )

    def with_axis(self, axis: int | None, *, settled: bool = False) -> SavedOutput:
        """The same output with another axis of the samples."""
        return replace(self, sample_axis=SampleAxis(axis, settled))

    def of_calls(self, numbers: Sequence[int]) -> SavedOutput:
        """The same output in some of its calls."""
        calls = tuple(self.calls[number] for number in numbers)
        return replace(
            self, calls=calls, parts=tuple(self.parts[number] for number in numbers), row=None
        )

    def with_calls(self, calls: Sequence[CallSamples]) -> SavedOutput:
        """The same output, with what counts in its calls as in those of another artifact."""
        if [call.rows for call in calls] != [call.rows for call in self.calls]:
            return self
        return replace(self, calls=tuple(calls))


SavedOutputs = dict[str, SavedOutput]


def in_a_row(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The values of calls, one after the other."""
    return joined([part.reshape(-1) for part in parts])


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join arrays along their first axis; on disk, if they are large."""
    rows = CollectedRows()
    for part in parts:
        rows.add(part)
    return rows.joined()


def has_outputs(folder: Path) -> bool:
    """Whether outputs were written to a folder to the end."""
    return (folder / INDEX).exists()


def values_file(index: int) -> str:
    """The file of the values of an output; of a text, the number of bytes of each."""
    return f"output_{index}.npy"


def data_file(index: int) -> str:
    """The file of the bytes of a text; the lengths are in the file of the output."""
    return f"output_{index}.bytes.npy"
