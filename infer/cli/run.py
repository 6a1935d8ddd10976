"""The command `exportbench run`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .. import quantities
from ..errors import MeasurementError, StoreError, UsageError
from ..exit_status import FAILED, INTERRUPTED, NOT_MEASURED, OK
from ..measure import devices
from ..measure.plan import Plan
from ..measure.session import Run
from ..outcome import Outcome
from ..quantities import parse_bytes
from ..records.protocol import DEFAULT_SCENARIOS, DEFAULT_TIMEOUT_S, PROTOCOLS, SCENARIOS
from ..records.store import Store
from ..report import markdown, terminal
from ..results.summarizing import summarize
from ..results.summary import Summary
from ..runtimes.registry import runtime_names
from . import device_option, input_options, trust_option
from .console import emit, progress, try_json
from .option_types import given, positive
from .planning import ARTIFACTS, LONGEST_S, RUNS, plan_of, with_end


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "run",
        parents=[options_parser()],
        help="measure artifacts and compare them",
        description="Measure each artifact in processes of its own and compare them. "
        "Exit status: 0 all well, 1 outputs differ, 2 wrong usage or input, "
        "3 an artifact could not be measured.",
        epilog="example: exportbench run model.onnx saved_model/ --inputs test.npz --json -",
    )
    parser.set_defaults(command=run)


def options_parser() -> argparse.ArgumentParser:
    """The options of the command, without a help of their own: `gate` has them too."""
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument(
        "artifacts",
        nargs="*",
        type=Path,
        metavar="ARTIFACT",
        help="artifact, payload, or a folder of artifacts (default: all below artifacts/)",
    )
    run.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE",
        help=".npz of arrays by input name, and 'labels' if there are, or .npy of the one input "
        "(default: what the artifacts name)",
    )
    input_options.add(run)
    trust_option.add(run)
    run.add_argument(
        "--protocol", choices=PROTOCOLS, default="quick", help="how much (default: quick)"
    )
    run.add_argument(
        "--budget",
        type=given(quantities.parse_duration),
        metavar="TIME",
        help="measure for so long instead, as 10m or 90s",
    )
    run.add_argument(
        "--resolve",
        type=given(quantities.parse_share),
        metavar="SHARE",
        help="measure until every interval is as narrow as this, as 3%% (of the ratio, either "
        f"side; at most {quantities.duration(LONGEST_S)} unless --budget says otherwise)",
    )
    run.add_argument(
        "--scenario",
        nargs="+",
        action="extend",
        choices=SCENARIOS,
        help="what is timed: "
        + "; ".join(f"{name}: {what}" for name, what in SCENARIOS.items())
        + f" (default: {' '.join(DEFAULT_SCENARIOS)})",
    )
    run.add_argument("--turns", type=positive, metavar="N", help="bursts of each kind in a process")
    run.add_argument(
        "--burst",
        type=given(quantities.parse_duration),
        metavar="TIME",
        help="how long the calls of a burst take together, as 0.2s",
    )
    run.add_argument(
        "--batch", type=positive, default=128, help="samples in a batch (default: 128)"
    )
    device_option.add(run)
    run.add_argument(
        "--tf32",
        action="store_true",
        help="let all runtimes calculate products of float32 in TF32 on a GPU (default: none may)",
    )
    run.add_argument("--threads", type=positive, help="for each artifact (default: all cores)")
    run.add_argument(
        "--timeout",
        type=given(quantities.parse_duration),
        default=DEFAULT_TIMEOUT_S,
        metavar="TIME",
        help="for one answer (default: 5m)",
    )
    run.add_argument(
        "--memory-limit",
        type=given(parse_bytes),
        metavar="SIZE",
        help="for each artifact's process, as 2GB (default: nine tenths of what is free)",
    )
    run.add_argument(
        "--tolerance", type=float, help="largest difference that passes (default: by precision)"
    )
    run.add_argument("--reference", help="artifact to compare with (default: the training's own)")
    run.add_argument("--seed", type=int, default=0, help="of the order in each round")
    run.add_argument(
        "--defaults",
        action="store_true",
        help="beside every artifact, measure it with its runtime left as it comes",
    )
    run.add_argument(
        "--try",
        dest="tried",
        nargs="+",
        action="extend",
        default=[],
        metavar="FORMAT:SETTING=VALUE",
        help="beside every artifact of a format, measure it with a setting of its runtime, as "
        "onnx:spinning=off (docs/runtimes.md)",
    )
    run.add_argument(
        "--python",
        nargs="+",
        action="extend",
        default=[],
        metavar="[FORMAT:]NAME=PATH",
        help="beside every artifact (of a format), measure it in another Python interpreter with "
        "a runtime of its own, as old=/venv/bin/python (docs/runtimes.md)",
    )
    run.add_argument(
        "--runtime",
        choices=runtime_names(),
        help="run the artifacts that it takes in this one instead of their usual one, as openvino "
        "for ONNX files (to have both: --try onnx:runtime=openvino)",
    )
    run.add_argument(
        "--signature",
        nargs="+",
        action="extend",
        default=[],
        metavar="[LABEL=]NAME",
        help="function to call in files that have several (exportbench inspect lists them)",
    )
    run.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run that was cut off, or make it longer with --budget or --resolve",
    )
    run.add_argument("--out", type=Path, default=ARTIFACTS / RUNS, help="folder of the runs")
    run.add_argument(
        "--json", metavar="FILE", help="write the results as JSON too; - for standard output"
    )
    return run


def run(options: argparse.Namespace) -> int:
    """Measure and report; return the exit status.

    Raises:
        UsageError, InputError, MeasurementError: one line for the user.
    """
    plan = None if options.resume else plan_of(options)
    try_json(options.json)
    if plan is None:
        store, plan = _old_run(options)
    else:
        store = new_run(options.out)
    summary = measure(plan, store, options.command_line)
    emit(asdict(summary), lambda console: terminal.show(summary, console), options.json)
    print(f"results: {store.folder}", file=sys.stderr)
    return status(summary)


def measure(plan: Plan, store: Store, command: list[str]) -> Summary:
    """Measure what a plan says, and write the report beside the results.

    Raises:
        InputError: the inputs cannot be read.
        MeasurementError: the results cannot be written, or it was interrupted twice.
    """
    for notice in plan.notices:
        print(notice, file=sys.stderr)
    try:
        with progress() as tell:
            Run(plan, store, tell).run(command)
        summary = summarize(store.records)
        (store.folder / "report.md").write_text(markdown.render(summary))
    except OSError as error:
        raise MeasurementError(f"{_what(error)}; {_remedy(store)}") from None
    except KeyboardInterrupt:  # again, while the run was being ended
        raise MeasurementError(f"interrupted; {_remedy(store)}", INTERRUPTED) from None
    finally:
        store.close()
    return summary


def measure_options(options: argparse.Namespace, alter: Callable[[Plan], Plan]) -> Store:
    """Measure the plan that options make, altered; return what was recorded.

    Raises:
        UsageError, InputError, MeasurementError: one line for the user.
    """
    plan = alter(plan_of(options))
    store = new_run(options.out)
    measure(plan, store, options.command_line)
    return store


def _remedy(store: Store) -> str:
    if not store.records:
        return "nothing was measured"
    return f"what was measured is in {store.folder}; go on with --resume {store.folder}"


def _what(error: OSError) -> str:
    if not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _old_run(options: argparse.Namespace) -> tuple[Store, Plan]:
    """Take up a run with the end that was last asked for, now or then."""
    defaults = vars(options_parser().parse_args([]))
    altered = {name for name, value in defaults.items() if vars(options)[name] != value}
    if altered - {"resume", "budget", "resolve", "json"}:
        raise UsageError(
            "--resume goes on with the artifacts and options that the run has; beside it there "
            "may be --budget, --resolve and --json"
        )
    try:
        store = Store(options.resume, resume=True)
    except (StoreError, OSError) as error:
        raise UsageError(f"--resume {error}") from None
    try:
        begun = [record for record in store.records if record["kind"] in ("run", "resume")]
        plan = Plan.of(begun[0] | {"protocol": begun[-1]["protocol"]})
    except (IndexError, KeyError, TypeError):
        store.close()
        raise UsageError(f"--resume {options.resume}: holds no run") from None
    try:
        devices.check_card(plan.card)
    except UsageError:
        store.close()
        raise
    return store, replace(plan, protocol=with_end(plan.protocol, options))


def new_run(root: Path) -> Store:
    """The store of a new run, in a folder of its own below `root`.

    Raises:
        UsageError: there can be none.
    """
    name = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{index}" for index in range(1, 100))):
        try:
            return Store(root / f"{name}{suffix}")
        except (FileExistsError, StoreError):
            continue
        except OSError as error:
            raise UsageError(f"--out {root}: {error.strerror}") from None
    raise UsageError(f"--out {root}: too many runs in this second")


def status(summary: Summary) -> int:
    """The exit status of a run."""
    if summary.interrupted:
        return INTERRUPTED
    outcomes = {Outcome(row.outcome) for row in summary.rows} - {Outcome.OK}
    if any(not outcome.is_about_outputs for outcome in outcomes):
        return NOT_MEASURED
    return FAILED if outcomes else OK
