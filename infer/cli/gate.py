"""The command `exportbench gate`: measure, judge by a baseline, and report the result."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..arguments.run_options import add_gate_options, add_run_options, gate_config
from ..config import GateConfig
from ..console import Terminal
from ..errors import UsageError
from ..exit_status import FAILED, OK
from ..gating import report
from ..gating.baseline import Baseline
from ..gating.result import ArtifactState, Check, GateResult, OutcomeFigures
from ..stderr import print_line
from ..steps.gate import current_baseline, evaluate_gate, plan_gate, read_run
from ..steps.measuring import measure, new_run


def add(actions: Any) -> None:
    """Add the command to the others; it takes all options of `run`."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "gate",
        help="hold artifacts against a committed baseline",
        description="Measure artifacts, or take a run that was measured (--run), and hold "
        "outcome, inputs, parity, accuracy, metrics, latency, memory and size of each against a "
        "baseline. Exit status: 0 passed, 1 failed, 2 wrong usage or input, 3 could not be "
        "measured, 4 not sure: what was measured allows both, 130 interrupted.",
        epilog="example: exportbench gate model.onnx --inputs test.npz --baseline baseline.json "
        "--against former/",
    )
    add_run_options(parser)
    add_gate_options(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status.

    Raises:
        UsageError, InputError, BaselineError, MeasurementError: one line for the user.
    """
    for option in ("json", "markdown", "junit"):
        path = getattr(options, option)
        if path and str(path) != "-":
            _write(Path(path), "", option)
    config = gate_config(options)
    baseline = current_baseline(config)
    if config.judged:
        folder, events = config.judged, read_run(config.judged)
    else:
        plan = plan_gate(config, baseline)
        store = new_run(config.run.out)
        measure(plan, store, options.command_line)
        print_line(f"results: {store.folder}")
        folder, events = store.folder, store.events
    result = evaluate_gate(config, baseline, events, folder)
    text = json.dumps(report.as_json(result), indent=2) + "\n"
    if options.json and options.json != "-":
        _write(Path(options.json), text, "json")
    if options.markdown:
        _write(options.markdown, report.as_markdown(result), "markdown")
    if options.junit:
        _write(options.junit, report.as_junit(result), "junit")
    if options.json == "-":
        print(text, end="")
    else:
        report.show(result, Terminal(), remedies=not config.update)
    if config.update:
        return _updated(result, config, baseline)
    return result.exit_status


def _updated(result: GateResult, config: GateConfig, before: Baseline | None) -> int:
    """Say what was taken into the baseline; return the exit status.

    It fails if the update was refused, or an artifact does not run that ran before.
    """
    if result.refused:
        for line in result.refused:
            print_line(f"*** much worse than the baseline: {line}")
        print_line(
            f"nothing was taken into the baseline: {config.baseline}; if it is meant, say why, "
            "with --update --accept 'REASON'"
        )
        return result.exit_status
    print_line(f"taken into the baseline: {config.baseline}")
    run = {check.artifact for check in result.checks if not _is_missing(check)}
    kept = [label for label in (before.artifacts if before else ()) if label not in run]
    if kept := [label for label in kept if label not in config.drop]:
        print_line(
            f"kept in the baseline as they were, since they are not in this run: "
            f"{', '.join(kept)} (to take them out: --update --drop LABEL)"
        )
    return _accepted(result, first=before is None)


def _is_missing(check: Check) -> bool:
    figures = check.figures
    return isinstance(figures, OutcomeFigures) and figures.state == ArtifactState.MISSING


def _accepted(result: GateResult, *, first: bool) -> int:
    """The exit status of an update, which fails if an artifact no longer runs."""
    failed = result.failed_to_run(also_as_before=first)
    for check in failed:
        print_line(
            f"*** {check.artifact} did not run to its end, which the baseline takes as it is: "
            f"{check.detail}; if it is not meant, mend it and --update again"
        )
    return FAILED if failed else OK


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--{option} {path}: {error.strerror}") from None
