"""The command `exportbench choose`: the artifact of a run that fits."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from ..arguments import common_options
from ..arguments.types import argument_type
from ..console import BAD, one_line, print_wrapped
from ..exit_status import FAILED, NOT_SURE, OK
from ..quantities import parse_bytes, parse_duration
from ..results import formatting, recommendation
from ..results.metric_limits import MetricLimits
from ..results.percentiles import PERCENTILE_FLOORS
from ..results.ranking import AIMS, INSTALL, MEMORY, SINGLE, Answer
from ..results.recommendation import Choice, Limits, choose
from ..results.recorded_run import records_of
from ..results.short_labels import ShortLabels
from ..steps.run_folders import read_run
from .console import emit

_STYLES = {recommendation.FITS: "bold"}


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "choose",
        help="name the artifact of a run that meets limits",
        description="Name the artifact of a run that meets all limits and is best at what is asked "
        "for, what it is ahead of the next best, and why the others fall out. Exit status: 0 one "
        "fits, 1 none fits, 2 wrong usage, 4 none surely fits and the run cannot tell of some.",
        epilog="example: exportbench choose artifacts/runs/20260101-120000 --p95 5ms "
        "--memory 500MB --install 800MB --no-code-on-load --min accuracy=0.95",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--for",
        dest="aim",
        choices=AIMS,
        default=SINGLE,
        help="what the best of those that fit is best at: "
        + "; ".join(f"{name}: {what}" for name, what in AIMS.items())
        + f" (default: {SINGLE})",
    )
    for percent in PERCENTILE_FLOORS:
        parser.add_argument(
            f"--p{percent}",
            type=argument_type(parse_duration),
            metavar="TIME",
            help=f"longest that {percent} of 100 calls may take, as 5ms",
        )
    parser.add_argument(
        "--at",
        default=Limits.at,
        metavar="CALLS",
        help="the kind of calls that these limits are of, as the tables call it (default: "
        f"'{Limits.at}'; also 'batch 128', 'batch 1, every 10 ms' ...)",
    )
    parser.add_argument(
        "--throughput", type=float, metavar="N", help="samples a second, at the best batch"
    )
    for name, what in (
        ("memory", "held by a process at its peak, above the bare interpreter"),
        ("install", "of the runtime with what it needs"),
        ("size", "of the artifact"),
    ):
        parser.add_argument(
            f"--{name}", type=argument_type(parse_bytes), metavar="SIZE", help=f"{what}, as 500MB"
        )
    parser.add_argument(
        "--start",
        type=argument_type(parse_duration),
        metavar="TIME",
        help="longest that interpreter, import, load and first call may take together",
    )
    parser.add_argument(
        "--no-code-on-load", action="store_true", help="only formats that cannot execute code"
    )
    for option, what, form in (
        ("min", "least value of a metric, as accuracy=95%% or mean_iou=0.6", "VALUE"),
        ("max", "largest value of a metric, as log_loss=0.4", "VALUE"),
        ("margin", "share of the reference's value that may be lost, as macro_f1=1%%", "SHARE"),
    ):
        parser.add_argument(
            f"--{option}",
            type=argument_type(_named_number),
            nargs="+",
            action="extend",
            default=[],
            metavar=f"METRIC={form}",
            help=f"{what} (docs/metrics.md)",
        )
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Choose an artifact, and show the choice; return the exit status.

    Raises:
        UsageError: the folder holds no run.
    """
    recorded = read_run(options.run)
    percentiles = {
        percent: limit
        for percent in PERCENTILE_FLOORS
        if (limit := getattr(options, f"p{percent}")) is not None
    }
    limits = Limits(
        percentiles_s=percentiles,
        at=options.at,
        throughput=options.throughput,
        memory=options.memory,
        install=options.install,
        size=options.size,
        start_s=options.start,
        no_code_on_load=options.no_code_on_load,
        metrics=MetricLimits(dict(options.min), dict(options.max), dict(options.margin)),
    )
    with records_of(options.run):
        choice = choose(recorded, limits, options.aim)
        emit(choice.describe(), lambda console: show(choice, console), options.json)
    return status(choice)


def _named_number(text: str) -> tuple[str, float]:
    """Parse NAME=VALUE, where a value may be a share in per cent.

    Raises:
        ValueError: it is neither.
    """
    name, _, value = text.partition("=")
    number = value.strip().removesuffix("%")
    try:
        parsed = float(number) / (100 if number != value.strip() else 1)
    except ValueError:
        parsed = math.nan
    if not name or not math.isfinite(parsed):
        raise ValueError(f"'{text}' is not METRIC=VALUE, as accuracy=95%")
    return name, parsed


def status(choice: Choice) -> int:
    """The exit status of the command."""
    if choice.answer:
        return OK
    standings = {verdict.standing for verdict in choice.verdicts}
    return NOT_SURE if recommendation.UNKNOWN in standings else FAILED


def _behind(answer: Answer) -> str:
    """Describe the cost of the second-best artifact."""
    taken = "as much" if answer.need in (AIMS[MEMORY], AIMS[INSTALL]) else "as long a sample"
    return f"{answer.next_best} takes {formatting.interval(answer.cost)} times {taken}"


def show(choice: Choice, console: Console) -> None:
    """Print a choice."""
    for notice in choice.notices:
        console.print(one_line(f"*** {notice}", style="bold"), soft_wrap=True)
    answer = choice.answer
    if answer and answer.best:
        best = f"{answer.best}: {answer.need}, {answer.value}"
        console.print(one_line(best, style="bold"), soft_wrap=True)
        lines = [answer.how_sure]
        if answer.next_best and answer.cost:
            lines.append(f"next best: {_behind(answer)}")
        if (given_up := choice.given_up) and given_up.cost:
            lines.append(f"without the limits: {given_up.best}; {_behind(given_up)}")
        for line in lines:
            print_wrapped(console, one_line(line), 2)
    elif answer:
        fitting = [v.artifact for v in choice.verdicts if v.standing == recommendation.FITS]
        console.print(one_line(f"these fit: {', '.join(fitting)}", style="bold"), soft_wrap=True)
        text = f"  which of them is best is not known: {answer.how_sure}"
        console.print(one_line(text), soft_wrap=True)
    else:
        console.print(one_line("none fits", style=BAD))
    labels = ShortLabels.of([verdict.artifact for verdict in choice.verdicts])
    if labels.pattern:
        console.print(one_line(f"artifacts: {labels.pattern}", style="dim"), soft_wrap=True)
    artifacts = max((cell_len(labels[v.artifact]) for v in choice.verdicts), default=0)
    standings = max((len(verdict.standing) for verdict in choice.verdicts), default=0)
    for verdict in choice.verdicts:
        name, standing = labels[verdict.artifact], verdict.standing
        # A reason a line, wrapped by the terminal, so that a command in it can be copied.
        for reason in (*verdict.reasons, *verdict.doubts) or ("",):
            label = one_line(name)
            label.pad_right(artifacts - label.cell_len)
            style = _STYLES.get(verdict.standing, "")
            parts = label, one_line(standing.ljust(standings), style), one_line(reason)
            cells = one_line("  ").join(parts)
            cells.rstrip()
            console.print(cells, soft_wrap=True)
            name = standing = ""
