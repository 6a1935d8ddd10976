"""The command `exportbench compare`: two runs side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ..arguments import common_options
from ..console import BAD, TextColumn, one_line, print_table
from ..exit_status import OK
from ..results import comparison, formatting
from ..results.comparison import Comparison, Difference, Speed, compare_runs
from ..results.recorded_run import records_of
from ..results.short_labels import ShortLabels
from ..stats.ratios import CONFIDENCE
from ..steps.run_folders import read_run
from .console import emit

_VERDICTS = {comparison.UNSURE: "unknown"}  # the others are a word already


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
        console.print(one_line(f"*** {notice}", style="bold"), soft_wrap=True)
    for name, folder, conditions in zip("AB", (result.a, result.b), result.conditions, strict=True):
        console.print(one_line(f"{name}: {folder}: {conditions}", style="dim"), soft_wrap=True)
    for workload, reference in dict.fromkeys(
        (speed.workload, speed.reference) for speed in result.speeds
    ):
        chosen = (workload, reference)
        _speeds([s for s in result.speeds if (s.workload, s.reference) == chosen], console)
    _differences("What differs in machine and setup", result.environment, console)
    _differences("What differs in the artifacts", result.artifacts, console)
    if result.speeds:
        text = (
            f"in brackets {CONFIDENCE:.0%} intervals, corrected for the number of artifacts. "
            "agree: that of B over A holds 1. unknown: too few generations of processes."
        )
        console.print(one_line(text, style="dim"), soft_wrap=True)


def _speeds(speeds: list[Speed], console: Console) -> None:
    """Print the ratios of one workload to one reference, and what they say."""
    workload, reference = speeds[0].workload, speeds[0].reference
    labels = ShortLabels.of([speed.artifact for speed in speeds])
    artifacts = f"; artifacts: {labels.pattern}" if labels.pattern else ""
    title = f"{workload}: times over that of {reference}{artifacts}"
    differ = [labels[s.artifact] for s in speeds if s.verdict == comparison.DIFFER]
    unsure = [s for s in speeds if s.verdict == comparison.UNSURE]
    count = len(speeds) - len(differ) - len(unsure)
    said = f"{count} of {len(speeds)} ratios agree"
    said += f", {', '.join(differ)} differ{'' if len(differ) > 1 else 's'}" if differ else ""
    said += f", {len(unsure)} cannot be told" if unsure else ""
    console.print()
    console.print(one_line(f"{title}: {said}", style="bold"), soft_wrap=True)
    columns = [
        TextColumn("artifact", is_text=True),
        *(TextColumn(title, is_text=True) for title in ("verdict", "B over A", "A", "B")),
        *(TextColumn(title, detail=1) for title in ("A's time", "B's time")),
    ]
    rows: list[list[Text | str]] = [
        [
            labels[speed.artifact],
            one_line(
                _VERDICTS.get(speed.verdict, speed.verdict),
                style=BAD if speed.verdict == comparison.DIFFER else "",
            ),
            *map(formatting.interval, (speed.change, speed.a, speed.b)),
            *map(formatting.seconds, (speed.a_call_s, speed.b_call_s)),
        ]
        for speed in speeds
    ]
    print_table(console, columns, rows)


def _differences(title: str, differences: tuple[Difference, ...], console: Console) -> None:
    console.print()
    console.print(one_line(title if differences else f"{title}: nothing", style="bold"))
    if differences:
        columns = [TextColumn(name, is_text=True) for name in ("of", "what", "A", "B")]
        print_table(console, columns, [[d.of, d.what, d.a, d.b] for d in differences])
