"""The command `exportbench overhead`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ..arguments import common_options
from ..arguments.types import positive
from ..console import BAD, TextColumn, one_line, print_table
from ..diagnostics.overhead import LIMIT_S, LIMIT_SHARE, ROUNDS, Overhead, measure
from ..errors import ArtifactError
from ..exit_status import FAILED, NOT_MEASURED, OK
from ..inputs.loading import read_inputs
from ..measure import devices
from ..measure.devices import DeviceChoice
from ..measure.progress import Progress
from ..outcome import Failure, Outcome
from ..results import formatting
from ..results.short_labels import ShortLabels
from ..sandbox import trust
from ..sandbox.artifact_reader import OpenedArtifacts
from ..steps.planning import find_artifacts, runtime_environments, thread_count
from ..steps.progress_bar import progress
from ..steps.source_inputs import stored_inputs
from .console import emit, try_json


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "overhead",
        help="measure what the harness adds to a call",
        description="Time calls as the harness does and in a bare loop of the same runtime, in "
        f"turn. Exit status 1 if the harness surely adds more than {LIMIT_SHARE:.0%}% of "
        f"a call and more than {LIMIT_S * 1e6:.0f} µs.",
        epilog="example: exportbench overhead model.onnx --inputs test.npz --batch 1 128",
    )
    parser.add_argument("artifacts", nargs="+", type=Path, metavar="ARTIFACT")
    common_options.add_trust(parser)
    parser.add_argument("--inputs", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--batch", type=positive, nargs="+", default=[1, 128], help="default: 1 128"
    )
    common_options.add_device(parser)
    parser.add_argument(
        "--rounds",
        type=positive,
        default=ROUNDS,
        help=f"how often each has its turn (default: {ROUNDS})",
    )
    common_options.add_threads(parser)
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure and report; return the exit status.

    Raises:
        UsageError, InputError: one line for the user.
    """
    with stored_inputs(options.inputs, max(options.batch)) as options.inputs:
        return _measure(options)


def _measure(options: argparse.Namespace) -> int:
    read_inputs(options.inputs)
    try_json(options.json)
    overheads: list[Overhead] = []
    failures: dict[str, Failure] = {}
    with progress() as tell:
        artifacts = find_artifacts(options.artifacts)
        trusted = trust.read(options.trust, [label for label, _ in artifacts])
        opened = OpenedArtifacts()
        choice = devices.choose(options.device, runtime_environments(artifacts, {}, opened))
        for number, (label, path) in enumerate(artifacts):
            try:
                artifact = trust.open_trusted(opened, path, label, trusted)
                if label in choice.unsupported:
                    raise Failure(Outcome.UNSUPPORTED, choice.unsupported[label])
            except Failure as failure:
                failures[label] = failure
                continue
            except ArtifactError as error:
                failures[label] = Failure(Outcome.LOAD_ERROR, str(error))
                continue
            for batch in options.batch:
                tell(Progress(f"{label}, batch {batch}", number / len(artifacts)))
                try:
                    overheads.append(
                        measure(
                            artifact,
                            options.inputs,
                            batch,
                            thread_count(options.threads),
                            options.rounds,
                            device=choice.device,
                            card=choice.card,
                        )
                    )
                except Failure as failure:
                    failures[label] = failure
    emit(
        [asdict(overhead) | {"allowed_s": overhead.allowed_s} for overhead in overheads],
        lambda console: show(overheads, failures, choice, console),
        options.json,
    )
    if any(overhead.low_s > overhead.allowed_s for overhead in overheads):
        return FAILED
    return NOT_MEASURED if failures else OK


def show(
    overheads: list[Overhead], failures: dict[str, Failure], choice: DeviceChoice, console: Console
) -> None:
    """Print a table, and the artifacts that could not be measured."""
    titles = ("batch", "bare call", "harness adds", "95 % interval", "allowed")
    columns = [TextColumn("artifact", is_text=True), *map(TextColumn, titles)]
    labels = ShortLabels.of([overhead.artifact for overhead in overheads])
    if labels.pattern:
        console.print(one_line(f"artifacts: {labels.pattern}", style="bold"), soft_wrap=True)
    rows: list[list[Text | str]] = [
        [
            labels[overhead.artifact],
            str(overhead.batch),
            formatting.seconds(overhead.bare_s),
            one_line(
                _signed(overhead.added_s),
                style=BAD if overhead.low_s > overhead.allowed_s else "",
            ),
            f"{_signed(overhead.low_s)} to {_signed(overhead.high_s)}",
            formatting.seconds(overhead.allowed_s),
        ]
        for overhead in overheads
    ]
    print_table(console, columns, rows)
    console.print(f"on {choice.device}", style="dim")
    for notice in choice.notices:
        console.print(notice)
    for label, failure in failures.items():
        line = f"{label}: {failure.outcome}: {failure.reason}"
        console.print(one_line(line, style=BAD), soft_wrap=True)


def _signed(seconds: float) -> str:
    return f"{'+' if seconds > 0 else ''}{formatting.seconds(seconds)}"
