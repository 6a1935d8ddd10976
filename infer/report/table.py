"""A table of a report, before rendering: columns with keys, cells with value, text and style.

Code uses the keys, kinds, values and styles. Texts are only for the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from ..results import formatting
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult


class Style(Enum):
    """The meaning of a cell's colour, in outputs with colours."""

    PLAIN = auto()
    BAD = auto()


class Kind(Enum):
    """The subject of a table."""

    SPEED = auto()
    SWEEP = auto()
    DEVICE_TIME = auto()
    COST = auto()
    AGREEMENT = auto()
    DIFFERING = auto()
    GROWTH = auto()
    RUNTIMES = auto()
    PROFILE = auto()


@dataclass(frozen=True)
class Cell:
    """A cell with one figure.

    Attributes:
        text: text for the reader.
        value: value for programs and for sorting: seconds, bytes, joules, shares in 0..1, counts,
            or a text; None if nothing was measured.
        style: style of the text.
    """

    text: str
    value: float | str | None = None
    style: Style = Style.PLAIN

    @property
    def number(self) -> float | None:
        """The value, if it is a number."""
        return self.value if isinstance(self.value, int | float) else None


EMPTY = Cell("-")


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: name for programs.
        title: title for the reader.
        is_text: whether it holds words, which are aligned left.
        detail: 0 for what every output shows; where there is no room for all columns, those with
            the largest number are left out first.
    """

    key: str
    title: str
    is_text: bool = False
    detail: int = 0


@dataclass(frozen=True)
class ArtifactColumn(Column):
    """A column of a table with an artifact in each row, and the function that makes its cells."""

    cell: Callable[[ArtifactResult], Cell] = lambda row: EMPTY


@dataclass(frozen=True)
class Headline:
    """What a table says, in a sentence.

    Attributes:
        text: the sentence.
        is_bad: whether something is wrong.
        has_interval: whether it has a ratio with its interval in brackets.
    """

    text: str
    is_bad: bool = False
    has_interval: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        kind: subject of the table.
        caption: caption for the reader, in outputs that name their tables.
        columns: columns in order.
        rows: rows, with a cell for each column.
        workload: name of its workload; None if it is not about a single workload.
        headlines: what it says, above it.
    """

    kind: Kind
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    workload: str | None = None
    headlines: Sequence[Headline] = ()

    @property
    def titles(self) -> list[str]:
        """The titles of the columns."""
        return [column.title for column in self.columns]

    @property
    def texts(self) -> list[list[str]]:
        """The texts of the cells."""
        return [[cell.text for cell in row] for row in self.rows]

    def with_labels(self, labels: ShortLabels) -> Table:
        """Return the table with short labels of the artifacts; the values stay whole."""
        rows = [
            [
                replace(cell, text=labels[cell.value])
                if column.key == ARTIFACT.key and isinstance(cell.value, str)
                else cell
                for column, cell in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]
        return replace(self, rows=rows)

    def without_empty_columns(self) -> Table:
        """Return the table without columns in which nothing was measured."""
        kept = [
            index
            for index in range(len(self.columns))
            if any(row[index].value is not None for row in self.rows)
        ]
        columns = [self.columns[index] for index in kept]
        rows = [[row[index] for index in kept] for row in self.rows]
        return replace(self, columns=columns, rows=rows)


def table_of(
    kind: Kind,
    caption: str,
    columns: Sequence[ArtifactColumn],
    rows: Sequence[ArtifactResult],
    workload: str | None = None,
) -> Table:
    """Make a table with an artifact in each row."""
    cells = [[column.cell(row) for column in columns] for row in rows]
    return Table(kind, caption, columns, cells, workload)


def text_cell(text: str | None) -> Cell:
    """A cell with words; empty for None."""
    return Cell(text, text) if text else EMPTY


def seconds_cell(value: float | None) -> Cell:
    """A cell with a time in seconds."""
    return Cell(formatting.seconds(value), value)


def bytes_cell(value: int | None) -> Cell:
    """A cell with a size in bytes."""
    return Cell(formatting.binary_size(value), value)


ARTIFACT = ArtifactColumn(
    "artifact", "artifact", is_text=True, cell=lambda row: Cell(row.artifact, row.artifact)
)
