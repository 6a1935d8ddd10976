"""Render a run as Markdown."""

from __future__ import annotations

from .. import escaping
from ..outcome import Outcome
from ..results import formatting
from ..results.rooflines import highest
from ..results.summary import Summary
from . import profile_tables
from .agreement_tables import differing_table
from .growth_table import growth_table
from .legend import legend
from .notes import notes, warnings
from .table import Table
from .tables import labels_of, sections, tables_of


def render(summary: Summary) -> str:
    """Render the tables of a run, for a page or a pull request."""
    lines = ["# Comparison of exported models", ""]
    for notice in summary.notices:
        lines += [f"> **{escaping.markdown(notice)}**", ""]
    lines += [escaping.markdown(formatting.conditions(summary)) + ".", ""]
    for title, rows in sections(summary):
        lines += [f"## {escaping.markdown(title)}", ""]
        for table in tables_of(rows, summary):
            lines += _table(table)
        if differing := differing_table(rows):
            short = differing.with_labels(labels_of(rows))
            lines += [f"### {escaping.markdown(differing.caption)}", "", *_table(short)]
        for row in rows:
            if row.outcome != Outcome.OK:
                name, reason = map(escaping.markdown, (row.artifact, row.reason))
                command = escaping.markdown_code(row.command)
                lines += [f"- **{name}: {row.outcome}**: {reason} ({command})"]
        labels = labels_of(rows)
        for line in (*warnings(rows, labels), *notes(rows, labels)):
            lines += [f"- {escaping.markdown(line)}"]
        lines += [""]
    if growth := growth_table(summary):
        lines += [f"## {escaping.markdown(growth.caption)}", "", *_table(growth)]
    if summary.profiles:
        lines += _profiles(summary)
    lines += [f"{escaping.markdown(line)}  " for line in legend(summary)]
    return "\n".join(lines).rstrip() + "\n"


def _profiles(summary: Summary) -> list[str]:
    """Where the time of calls goes."""
    flops_per_s = highest(summary.rooflines).get("flops_per_s")
    lines = [f"## {profile_tables.TITLE}", ""]
    texts = profile_tables.profile_texts(summary.profiles, flops_per_s)
    lines += [f"- {escaping.markdown(text)}" for text in (*texts.findings, *texts.problems)]
    lines += [""]
    for table in texts.tables:
        lines += [f"### {escaping.markdown(table.caption)}", "", *_table(table)]
    return lines


def _table(table: Table) -> list[str]:
    """What a table says, and its lines, each followed by an empty line."""
    said = [f"**{escaping.markdown(line.text)}**  " for line in table.headlines]
    alignment = [":---" if column.is_text else "---:" for column in table.columns]
    cells = [list(map(escaping.markdown, cells)) for cells in (table.titles, *table.texts)]
    return [*said, *([""] if said else []), *map(_line, (cells[0], alignment, *cells[1:])), ""]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
