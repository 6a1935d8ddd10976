"""A run on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..results import formatting
from ..results.summary import ArtifactResult, Summary
from . import tables

_STYLES = {"ok": "green", "parity_fail": "red", "faster": "green", "slower": "yellow"}


def show(summary: Summary, console: Console) -> None:
    """Print the tables of a run."""
    for notice in summary.notices:
        console.print(Text(f"*** {notice}", style="bold yellow"))
    console.print(Text(formatting.conditions(summary), style="dim"))
    for title, rows in tables.sections(summary):
        console.print()
        console.print(Text(title, style="bold"))
        for columns in tables.tables_of(rows, summary):
            console.print(_table(columns, rows, summary))
        titles, listed = tables.differing(rows)
        if listed:
            console.print(Text(tables.DIFFERING_TITLE, style="bold"))
            console.print(_plain_table(titles, listed))
        _failures(rows, console)
        for line in tables.warnings(rows, summary):
            console.print(Text(line, style="yellow"))
        for line in tables.notes(rows):
            console.print(Text(line, style="dim"))
    titles, grown = tables.growth(summary)
    if grown:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in titles:
            table.add_column(title, justify="left" if title == titles[0] else "right")
        for cells in grown:
            table.add_row(*cells)
        console.print()
        console.print(Text(tables.growth_title(summary), style="bold"))
        console.print(table)
    for line in tables.legend(summary):
        console.print(Text(line, style="dim"))


def _table(columns: list[tables.Column], rows: list[ArtifactResult], summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.title(summary), justify="left" if column.left else "right")
    for row in tables.by_speed(rows, summary):
        cells = [column.cell(row, summary) for column in columns]
        table.add_row(*(Text(cell, style=_STYLES.get(cell.split(" ")[0], "")) for cell in cells))
    return table


def _plain_table(titles: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title)
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table


def _failures(rows: list[ArtifactResult], console: Console) -> None:
    for row in rows:
        if row.outcome != "ok":
            console.print(Text(f"{row.artifact}: {row.outcome}: {row.reason}", style="red"))
            console.print(Text(f"  alone: {row.command}", style="dim"), soft_wrap=True)
