"""Render a run as Markdown."""

from __future__ import annotations

from ..outcome import Outcome
from ..results import formatting
from ..results.summary import Summary
from .agreement_tables import differing_table
from .growth_table import growth_table
from .legend import legend
from .notes import notes, warnings
from .table import Table
from .tables import sections, tables_of


def render(summary: Summary) -> str:
    """Render the tables of a run, for a page or a pull request."""
    lines = ["# Comparison of exported models", ""]
    for notice in summary.notices:
        lines += [f"> **{notice}**", ""]
    lines += [formatting.conditions(summary) + ".", ""]
    for title, rows in sections(summary):
        lines += [f"## {title}", ""]
        for table in tables_of(rows, summary):
            lines += _table(table)
        if differing := differing_table(rows):
            lines += [f"### {differing.caption}", "", *_table(differing)]
        for row in rows:
            if row.outcome != Outcome.OK:
                lines += [f"- **{row.artifact}: {row.outcome}**: {row.reason} (`{row.command}`)"]
        lines += [f"- {line}" for line in warnings(rows, summary)]
        lines += [f"- {line}" for line in notes(rows)]
        lines += [""]
    if growth := growth_table(summary):
        lines += [f"## {growth.caption}", "", *_table(growth)]
    lines += [f"{line}  " for line in legend(summary)]
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> list[str]:
    """The lines of a table, followed by an empty line."""
    alignment = [":---" if column.is_text else "---:" for column in table.columns]
    return [*map(_line, (table.titles, alignment, *table.texts)), ""]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
