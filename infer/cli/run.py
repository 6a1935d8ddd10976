"""The command `exportbench run`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ..arguments.run_options import add_run_options, run_config
from ..best_effort import best_effort
from ..codec import to_json
from ..config import RunConfig
from ..errors import StoreError, UsageError
from ..exit_status import FAILED, INTERRUPTED, NOT_MEASURED, OK
from ..measure import devices
from ..measure.plan import Plan
from ..outcome import Outcome
from ..records.run_events import RunResumed
from ..records.store import Store
from ..report import terminal
from ..results.summary import Summary, run_of
from ..stderr import print_line
from ..steps.measuring import measure, new_run
from ..steps.planning import plan_run, with_end
from .console import emit, try_json


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "run",
        help="measure artifacts and compare them",
        description="Measure each artifact in processes of its own and compare them. "
        "Exit status: 0 all well, 1 outputs differ, 2 wrong usage or input, "
        "3 an artifact could not be measured.",
        epilog="example: exportbench run model.onnx saved_model/ --inputs test.npz --json -",
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
        store, plan = _old_run(options.resume, config)
    else:
        store = new_run(config.out)
    summary = measure(plan, store, options.command_line)
    emit(to_json(summary), partial(_show, summary), options.json)
    print_line(f"results: {store.folder}")
    return status(summary)


def _show(summary: Summary, console: Console) -> None:
    """Print the tables; the results are kept, and the status holds, without them too."""

    def failed(error: Exception) -> None:
        print_line(f"the tables cannot be shown ({type(error).__name__}: {error})")

    best_effort(lambda: terminal.show(summary, console), None, failed)


def _old_run(folder: Path, config: RunConfig) -> tuple[Store, Plan]:
    """Open a run to resume, with the stopping options of this command or else of the run."""
    if replace(config, budget=None, resolve=None) != RunConfig():
        raise UsageError(
            "--resume goes on with the artifacts and options that the run has; beside it there "
            "may be --budget, --resolve and --json"
        )
    try:
        store = Store(folder, resume=True)
    except (StoreError, OSError) as error:
        raise UsageError(f"--resume {error}") from None
    try:
        first = run_of(store.events)
        resumed = store.of_type(RunResumed)
        protocol = resumed[-1].protocol if resumed else first.protocol
        plan = replace(Plan.from_run(first), protocol=protocol)
    except ValueError:
        store.close()
        raise UsageError(f"--resume {folder}: holds no run") from None
    try:
        devices.check_card(plan.card)
    except UsageError:
        store.close()
        raise
    return store, replace(plan, protocol=with_end(plan.protocol, config.budget, config.resolve))


def status(summary: Summary) -> int:
    """The exit status of a run."""
    if summary.interrupted:
        return INTERRUPTED
    outcomes = {Outcome(row.outcome) for row in summary.rows} - {Outcome.OK}
    if any(not outcome.is_about_outputs for outcome in outcomes):
        return NOT_MEASURED
    return FAILED if outcomes else OK
