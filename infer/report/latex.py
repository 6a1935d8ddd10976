"""Render the tables of a run as LaTeX, for papers."""

from __future__ import annotations

from tabulate import tabulate

from ..escaping import printable
from ..outcome import Outcome
from ..results import formatting
from ..results.summary import Summary
from .growth_table import growth_table
from .legend import legend
from .table import Table
from .tables import sections, tables_of


def render(summary: Summary) -> str:
    """Render the tables of a run, each as a tabular for the package booktabs."""
    parts = ["% Needs \\usepackage{booktabs}.", _comment(formatting.conditions(summary))]
    parts += [_comment(notice) for notice in summary.notices]
    for title, rows in sections(summary):
        for table in tables_of(rows, summary):
            said = [_comment(line.text) for line in table.headlines]
            parts += ["", _comment(title), *said, _tabular(table)]
        failed = [row for row in rows if row.outcome != Outcome.OK]
        parts += [_comment(f"{row.artifact}: {row.outcome}: {row.reason}") for row in failed]
    if growth := growth_table(summary):
        parts += ["", _comment(growth.caption), _tabular(growth)]
    parts += ["", *map(_comment, legend(summary))]
    return "\n".join(parts) + "\n"


def _tabular(table: Table) -> str:
    text: str = tabulate(
        [list(map(printable, cells)) for cells in table.texts],
        list(map(printable, table.titles)),
        tablefmt="latex_booktabs",
        disable_numparse=True,
        colalign=["left" if column.is_text else "right" for column in table.columns],
    )
    return text


def _comment(text: str) -> str:
    return f"% {printable(text)}"
