"""The command `exportbench run`."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ..arguments.run_options import add_run_options, run_config
from ..best_effort import best_effort
from ..codec import to_json
from ..exit_status import FAILED, INTERRUPTED, NOT_MEASURED, OK
from ..measure.outputs_after_parity import SAVED
from ..outcome import Outcome
from ..report import terminal
from ..results.reproduction import resume_command
from ..results.summary import Summary
from ..stderr import print_line
from ..steps.measuring import measure, new_run
from ..steps.planning import plan_run
from ..steps.resuming import resume
from .console import emit, try_json


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "run",
        help="measure artifacts and compare them",
        description="Measure each artifact in processes of its own and compare them. "
        "Exit status: 0 all well, 1 outputs differ, 2 wrong usage or input, "
        "3 an artifact could not be measured, 130 interrupted.",
        epilog="examples:\n"
        "  exportbench run model.onnx saved_model/ --inputs test.npz --trust\n"
        "  exportbench run a.onnx b.onnx --inputs test.npz --task segmentation "
        "--metric score.py:dice",
    )
    add_run_options(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure and report; return the exit status.

    Raises:
        UsageError, InputError, MeasurementError: one line for the user.
    """
    config = run_config(options)
    plan = None if options.resume else plan_run(config)
    try_json(options.json)
    if plan is None:
        store, plan = resume(options.resume, config)
    else:
        store = new_run(config.out)
    summary = measure(plan, store, options.command_line)
    emit(to_json(summary), partial(_show, summary, store.folder), options.json)
    print_line(f"results: {store.folder}")
    if plan.save_outputs and not summary.interrupted:
        saved = store.folder / SAVED
        print_line(f"outputs: {saved if saved.is_dir() else 'none, since no artifact gave any'}")
    if summary.interrupted:
        print_line(f"go on with: {resume_command(store.folder)}")
    return status(summary)


def _show(summary: Summary, folder: Path, console: Console) -> None:
    """Print the tables; the results are kept, and the status holds, without them too."""

    def failed(error: Exception) -> None:
        print_line(f"the tables cannot be shown ({type(error).__name__}: {error})")

    best_effort(lambda: terminal.show(summary, console, folder), None, failed)


def status(summary: Summary) -> int:
    """The exit status of a run."""
    if summary.interrupted:
        return INTERRUPTED
    outcomes = {Outcome(row.outcome) for row in summary.rows} - {Outcome.OK}
    if any(not outcome.is_about_outputs for outcome in outcomes):
        return NOT_MEASURED
    return FAILED if outcomes else OK
