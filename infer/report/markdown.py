"""A run as Markdown."""

from __future__ import annotations

from ..results import formatting
from ..results.summary import ArtifactResult, Summary
from . import tables


def render(summary: Summary) -> str:
    """The tables of a run, for a page or a pull request."""
    lines = ["# Comparison of exported models", ""]
    for notice in summary.notices:
        lines += [f"> **{notice}**", ""]
    lines += [formatting.conditions(summary) + ".", ""]
    for title, rows in tables.sections(summary):
        lines += [f"## {title}", ""]
        for columns in tables.tables_of(rows, summary):
            lines += _table(columns, rows, summary)
        titles, listed = tables.differing(rows)
        if listed:
            lines += [f"### {tables.DIFFERING_TITLE}", "", _line(titles)]
            lines += [_line([":---"] * len(titles)), *map(_line, listed), ""]
        for row in rows:
            if row.outcome != "ok":
                lines += [f"- **{row.artifact}: {row.outcome}**: {row.reason} (`{row.command}`)"]
        lines += [f"- {line}" for line in tables.warnings(rows, summary)]
        lines += [f"- {line}" for line in tables.notes(rows)]
        lines += [""]
    titles, grown = tables.growth(summary)
    if grown:
        lines += [f"## {tables.growth_title(summary)}", "", _line(titles)]
        lines += [_line([":---", *["---:"] * (len(titles) - 1)]), *map(_line, grown), ""]
    lines += [f"{line}  " for line in tables.legend(summary)]
    return "\n".join(lines).rstrip() + "\n"


def _table(columns: list[tables.Column], rows: list[ArtifactResult], summary: Summary) -> list[str]:
    lines = [
        _line([column.title(summary) for column in columns]),
        _line([":---" if column.left else "---:" for column in columns]),
    ]
    for row in tables.by_speed(rows, summary):
        lines.append(_line([column.cell(row, summary) for column in columns]))
    return [*lines, ""]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
