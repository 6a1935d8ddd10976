"""The command `exportbench compare`: two runs side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..arguments import common_options
from ..console import one_line
from ..exit_status import OK
from ..results import comparison, formatting
from ..results.comparison import Comparison, Difference, compare_runs
from ..results.recorded_run import records_of
from ..stats.ratios import CONFIDENCE
from ..steps.run_folders import read_run
from .console import emit

_STYLES = {comparison.AGREE: "green", comparison.DIFFER: "yellow"}


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "compare",
        help="put two runs side by side: two machines, two dates, two versions",
        description="Compare the ratios of the same artifacts to the same reference in two runs, "
        "and say whether they agree within their intervals and what differs in environment and "
        "artifacts. Times alone are shown, and not compared. Exit status: 0 compared, 2 wrong "
        "usage.",
        epilog="example: exportbench compare artifacts/runs/20260101-120000 "
        "artifacts/runs/20260201-120000",
    )
    parser.add_argument("a", type=Path, metavar="RUN_A", help="folder of the one run")
    parser.add_argument("b", type=Path, metavar="RUN_B", help="folder of the other")
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Compare two runs, and show the comparison; return the exit status.

    Raises:
        UsageError: one of the folders holds no run.
    """
    with records_of(options.a, options.b):
        result = compare_runs(read_run(options.a), read_run(options.b))
        emit(result.describe(), lambda console: show(result, console), options.json)
    return OK


def show(result: Comparison, console: Console) -> None:
    """Print a comparison."""
    for notice in result.notices:
        console.print(one_line(f"*** {notice}", style="bold yellow"))
    for name, folder, conditions in zip("AB", (result.a, result.b), result.conditions, strict=True):
        console.print(one_line(f"{name}: {folder}: {conditions}", style="dim"))
    for workload, reference in dict.fromkeys(
        (speed.workload, speed.reference) for speed in result.speeds
    ):
        console.print()
        console.print(one_line(f"{workload}: times over that of {reference}", style="bold"))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("artifact", "A", "B", "B over A", ""):
            table.add_column(title)
        for title in ("A's time", "B's time"):
            table.add_column(title, justify="right")
        for speed in result.speeds:
            if (speed.workload, speed.reference) == (workload, reference):
                table.add_row(
                    one_line(speed.artifact),
                    formatting.interval(speed.a).replace("[", r"\["),
                    formatting.interval(speed.b).replace("[", r"\["),
                    formatting.interval(speed.change).replace("[", r"\["),
                    one_line(speed.verdict, style=_STYLES.get(speed.verdict, "")),
                    formatting.seconds(speed.a_call_s),
                    formatting.seconds(speed.b_call_s),
                )
        console.print(table)
    _differences("What differs in machine and setup", result.environment, console)
    _differences("What differs in the artifacts", result.artifacts, console)
    if result.speeds:
        text = (
            f"in brackets {CONFIDENCE:.0%} intervals, corrected for the number of artifacts. "
            "agree: that of B over A holds 1."
        )
        console.print(one_line(text, style="dim"))


def _differences(title: str, differences: tuple[Difference, ...], console: Console) -> None:
    console.print()
    console.print(one_line(title if differences else f"{title}: nothing", style="bold"))
    if differences:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("of", "what", "A", "B"):
            table.add_column(name, overflow="fold")
        for difference in differences:
            table.add_row(
                one_line(difference.of),
                one_line(difference.what),
                one_line(difference.a),
                one_line(difference.b),
            )
        console.print(table)
