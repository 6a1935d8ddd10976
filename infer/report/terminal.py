"""Print a run on the terminal: what its tables say, and as much of them as it has room for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..console import BAD, TextColumn, one_line, print_table, print_wrapped
from ..escaping import shell_word
from ..outcome import Outcome
from ..results import formatting
from ..results.reproduction import PROGRAM
from ..results.rooflines import highest
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult, Summary
from ..stats.ratios import CONFIDENCE
from . import profile_tables
from .agreement_tables import differing_table
from .growth_table import growth_table
from .notes import notes, warnings
from .table import Headline, Kind, Style, Table
from .tables import labels_of, sections, tables_of

_STYLES = {Style.PLAIN: "", Style.BAD: BAD}
# Tables whose sentences are said once more at the end, where the reader of a terminal begins.
_IN_SHORT = (Kind.SPEED, Kind.AGREEMENT)
# Notices that are said there too; of more only the number is.
_FEW_NOTICES = 2


def show(summary: Summary, console: Console, folder: Path | None = None) -> None:
    """Print the tables of a run.

    What advises is left for the terminal to wrap, so that it can be copied: a line break within an
    option in quotes would become part of it.

    Args:
        summary: of the run.
        console: where to.
        folder: of the run, for the command that writes the report; None if there is none.
    """
    for notice in summary.notices:
        console.print(one_line(f"*** {notice}", style="bold"), soft_wrap=True)
    print_wrapped(console, one_line(formatting.conditions(summary), style="dim"))
    left_out: list[str] = []
    long_notes = 0
    in_short: list[tuple[str, list[Headline]]] = []
    for title, rows in sections(summary):
        console.print()
        print_wrapped(console, one_line(title, style="bold"))
        labels, tables = labels_of(rows), tables_of(rows, summary)
        for table in tables:
            left_out += print_report_table(table, console)
        if differing := differing_table(rows):
            left_out += print_report_table(differing.with_labels(labels), console)
        long_notes += _below(rows, labels, console)
        said = [line for table in tables if table.kind in _IN_SHORT for line in table.headlines]
        in_short.append((title, said))
    if growth := growth_table(summary):
        left_out += print_report_table(growth, console)
    if summary.profiles:
        left_out += _profiles(summary, console)
    _report(folder, left_out, long_notes, console)
    _in_short(in_short, summary.notices, console)


def _profiles(summary: Summary, console: Console) -> list[str]:
    """Print where the time of calls goes; return the titles of columns that had no room."""
    flops_per_s = highest(summary.rooflines).get("flops_per_s")
    left_out: list[str] = []
    texts = profile_tables.profile_texts(summary.profiles, flops_per_s)
    console.print()
    for line in texts.findings:
        print_wrapped(console, one_line(line, style="bold"))
    for table in texts.tables:
        left_out += print_report_table(table, console)
    for line in texts.problems:
        print_wrapped(console, one_line(line, style="dim"))
    return left_out


def print_report_table(table: Table, console: Console) -> list[str]:
    """Print what a table says, and the table; return the titles of columns that had no room."""
    console.print()
    for line in table.headlines or [Headline(table.caption)]:
        _headline(line, console)
    columns = [TextColumn(c.title, c.is_text, c.detail) for c in table.columns]
    rows = [[one_line(cell.text, _STYLES[cell.style]) for cell in row] for row in table.rows]
    return print_table(console, columns, rows)


def _headline(line: Headline, console: Console, indent: int = 0) -> None:
    text = one_line(line.text, style=BAD if line.is_bad else "bold")
    print_wrapped(console, text, indent)


def _below(rows: Sequence[ArtifactResult], labels: ShortLabels, console: Console) -> int:
    """Print failures, warnings and notes of a section; return the number of notes too long."""
    texts = [one_line(text, style="dim") for text in notes(rows, labels)]
    short = [text for text in texts if text.cell_len <= console.width]
    doubts = [one_line(text) for text in warnings(rows, labels)]
    failed = [row for row in rows if row.outcome != Outcome.OK]
    if failed or doubts or short:
        console.print()
    for row in failed:
        reason = f"{row.artifact}: {row.outcome}: {row.reason}"
        console.print(one_line(reason, style=BAD), soft_wrap=True)
        console.print(one_line(f"  alone: {row.command}", style="dim"), soft_wrap=True)
    for line in (*doubts, *short):
        print_wrapped(console, line)
    return len(texts) - len(short)


def _report(folder: Path | None, left_out: Sequence[str], notes: int, console: Console) -> None:
    """Say where the rest is: how to read the tables, long notes, and columns without room."""
    parts = ["what each column means"]
    parts += [f"{notes} longer note{'s' if notes > 1 else ''}"] if notes else []
    titles = ", ".join(dict.fromkeys(left_out))
    parts += [f"columns that have no room here ({titles})"] if titles else []
    command = [*PROGRAM, "report", str(folder)] if folder else [*PROGRAM, "report", "RUN"]
    text = f"in the report: {', '.join(parts)}: {' '.join(map(shell_word, command))}"
    console.print()
    console.print(one_line(text, style="dim"), soft_wrap=True)


def _in_short(
    said: Sequence[tuple[str, Sequence[Headline]]], notices: Sequence[str], console: Console
) -> None:
    """Say the answers once more, below all tables."""
    if not any(lines for _, lines in said):
        return
    console.print()
    has_intervals = any(line.has_interval for _, lines in said for line in lines)
    brackets = f", in brackets {CONFIDENCE:.0%} intervals" if has_intervals else ""
    console.print(one_line(f"In short{brackets}", style="bold"))
    for title, lines in said:
        if len(said) > 1 and lines:
            print_wrapped(console, one_line(title), 2)
        for line in lines:
            _headline(line, console, indent=4 if len(said) > 1 else 2)
    if len(notices) > _FEW_NOTICES:
        notices = [f"{len(notices)} notices at the top"]
    for notice in notices:
        console.print(one_line(f"  *** {notice}", style="bold"), soft_wrap=True)
