"""Print a run on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import table as rich_table
from rich.console import Console

from ..console import one_line
from ..outcome import Outcome
from ..results import formatting
from ..results.summary import ArtifactResult, Summary
from .agreement_tables import differing_table
from .growth_table import growth_table
from .legend import legend
from .notes import notes, warnings
from .table import Style, Table
from .tables import sections, tables_of

_COLOURS = {Style.PLAIN: "", Style.GOOD: "green", Style.CAUTION: "yellow", Style.BAD: "red"}


def show(summary: Summary, console: Console) -> None:
    """Print the tables of a run.

    What advises is left for the terminal to wrap, so that it can be copied: a line break within an
    option in quotes would become part of it.
    """
    for notice in summary.notices:
        console.print(one_line(f"*** {notice}", style="bold yellow"), soft_wrap=True)
    console.print(one_line(formatting.conditions(summary), style="dim"))
    for title, rows in sections(summary):
        console.print()
        console.print(one_line(title, style="bold"))
        for table in tables_of(rows, summary):
            console.print(drawn(table))
        if differing := differing_table(rows):
            console.print(one_line(differing.caption, style="bold"))
            console.print(drawn(differing))
        _failures(rows, console)
        for line in warnings(rows, summary):
            console.print(one_line(line, style="yellow"), soft_wrap=True)
        for line in notes(rows):
            console.print(one_line(line, style="dim"), soft_wrap=True)
    if growth := growth_table(summary):
        console.print()
        console.print(one_line(growth.caption, style="bold"))
        console.print(drawn(growth))
    for line in legend(summary):
        console.print(one_line(line, style="dim"), soft_wrap=True)


def drawn(table: Table) -> rich_table.Table:
    """A table for the terminal."""
    drawn = rich_table.Table(box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        drawn.add_column(one_line(column.title), justify="left" if column.is_text else "right")
    for row in table.rows:
        drawn.add_row(*(one_line(cell.text, style=_COLOURS[cell.style]) for cell in row))
    return drawn


def _failures(rows: Sequence[ArtifactResult], console: Console) -> None:
    for row in rows:
        if row.outcome != Outcome.OK:
            reason = f"{row.artifact}: {row.outcome}: {row.reason}"
            console.print(one_line(reason, style="red"), soft_wrap=True)
            console.print(one_line(f"  alone: {row.command}", style="dim"), soft_wrap=True)
