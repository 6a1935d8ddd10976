"""Outputs that hold the rows of all samples of a call in one list, with a column that says whose.

Detectors give such lists: a row for each object, with the number of its image in the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import OptionError
from .dtypes import kind_of
from .outputs import CallSamples, SavedOutput, SavedOutputs
from .rules import EVERY, scoped

# The number of rows that only fill a list up.
PADDING = -1


class RowsError(ValueError):
    """Rows cannot be told apart by their column; the message is one line."""


@dataclass(frozen=True)
class SampleColumn:
    """Where the sample of each row of an output is told.

    Attributes:
        output: name of the output.
        column: the column with the number of the sample in the call.
        other: the output that has the column; the same number of rows. "" for the output itself.
        artifact: label of the artifact; "*" for every artifact that has the output.
    """

    output: str
    column: int
    other: str = ""
    artifact: str = EVERY

    @property
    def text(self) -> str:
        """It in the syntax of `--rows`."""
        scope = f"{self.artifact}:" if self.artifact != EVERY else ""
        other = f"={self.other}" if self.other else ""
        return f"{scope}{self.output}{other}:{self.column}"


def parse_sample_columns(texts: Iterable[str], labels: Sequence[str]) -> tuple[SampleColumn, ...]:
    """Parse the values of `--rows`: `[ARTIFACT:]OUTPUT:COLUMN` or `[ARTIFACT:]OUTPUT=OTHER:COLUMN`.

    Raises:
        OptionError: a value is neither, or an output has two columns.
    """
    columns: dict[tuple[str, str], SampleColumn] = {}
    for text in texts:
        artifact, rest = scoped(text, labels)
        names, _, number = rest.rpartition(":")
        output, equals, other = names.partition("=")
        is_number = number.isascii() and number.isdecimal() and len(number) < 7
        if not output or not is_number or bool(equals) != bool(other):
            raise OptionError(
                "rows", text, "say [ARTIFACT:]OUTPUT:COLUMN, as boxes:0, or OUTPUT=OTHER:COLUMN"
            )
        if (artifact, output) in columns:
            raise OptionError("rows", text, f"a column of '{output}' is given twice")
        columns[artifact, output] = SampleColumn(output, int(number), other, artifact)
    return tuple(columns.values())


def by_sample_columns(
    outputs: SavedOutputs, columns: Iterable[SampleColumn], label: str
) -> SavedOutputs:
    """Take the rows of lists apart by sample: each sample of these outputs is then a call.

    Rows of samples that only fill up a call are left out, and rows with -1 in the column. So is an
    output that only has this column: it is in how the rows are taken apart.

    Args:
        outputs: outputs of an artifact, by name.
        columns: the user's columns.
        label: label of the artifact.

    Raises:
        RowsError: a column is missing, or has a number that no sample of the call has.
    """
    taken: dict[str, SampleColumn] = {}
    for column in columns:
        if column.artifact not in (EVERY, label) or column.output not in outputs:
            continue
        if column.artifact == label or column.output not in taken:
            taken[column.output] = column
    by_sample = {
        name: _by_sample(outputs[name], _column_of(outputs, column), column)
        for name, column in taken.items()
    }
    used = {column.other for column in taken.values()} - taken.keys()
    columns_alone = {
        name for name in used - {""} if all(part.size == len(part) for part in outputs[name].parts)
    }
    return {
        name: by_sample.get(name, output)
        for name, output in outputs.items()
        if name not in columns_alone
    }


def _column_of(outputs: Mapping[str, SavedOutput], column: SampleColumn) -> list[np.ndarray]:
    """The numbers of the samples in each call."""
    name = column.other or column.output
    if name not in outputs:
        raise RowsError(f"--rows {column.text}: there is no output '{name}'")
    numbers = []
    for part in outputs[name].parts:
        columns = part[:, None] if part.ndim == 1 else part
        if columns.ndim != 2 or columns.shape[1] <= column.column:
            raise RowsError(
                f"--rows {column.text}: '{name}' has the shape {part.shape}, which has no column "
                f"{column.column}"
            )
        if kind_of(part.dtype) not in ("int", "float"):
            raise RowsError(f"--rows {column.text}: '{name}' holds no numbers")
        numbers.append(np.asarray(columns[:, column.column], np.float64))
    return numbers


def _by_sample(
    output: SavedOutput, numbers: Sequence[np.ndarray], column: SampleColumn
) -> SavedOutput:
    calls: list[CallSamples] = []
    parts: list[np.ndarray] = []
    for call, part, places in zip(output.calls, output.parts, numbers, strict=True):
        if not part.ndim or len(part) != len(places):
            raise RowsError(
                f"--rows {column.text}: '{column.output}' has the shape {part.shape} in a call, "
                f"and its column {len(places):,} rows"
            )
        usual = places != PADDING
        wrong = usual & ~((places >= 0) & (places < len(call.rows)) & (places % 1 == 0))
        if wrong.any():
            raise RowsError(
                f"--rows {column.text}: {places[wrong][0]:g} is no sample of a call of "
                f"{len(call.rows)}"
            )
        rows = part if column.other or part.ndim < 2 else np.delete(part, column.column, axis=1)
        # One pass over the rows, whatever the number of samples.
        order = np.argsort(np.where(usual, places, len(call.rows)), kind="stable")
        ends = np.cumsum(np.bincount(places[usual].astype(np.int64), minlength=len(call.rows)))
        rows = rows[order]
        for place in range(call.samples):
            begin = int(ends[place - 1]) if place else 0
            calls.append(CallSamples((call.rows[place],), 1))
            parts.append(rows[begin : int(ends[place])])
    return SavedOutput(tuple(calls), tuple(parts))
