"""The command `exportbench show`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..arguments import common_options
from ..codec import to_json
from ..report import terminal
from ..results.recorded_run import records_of
from ..steps.run_folders import read_run
from .console import emit
from .run import status


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "show",
        help="show a finished run again",
        description="Show the tables of a run again.",
        epilog="example: exportbench show artifacts/runs/20260101-120000 --json -",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Show a run again; return the exit status that it had.

    Raises:
        UsageError: the folder holds no run.
    """
    summary = read_run(options.run).summary
    with records_of(options.run):
        emit(
            to_json(summary),
            lambda console: terminal.show(summary, console, options.run),
            options.json,
        )
        return status(summary)
