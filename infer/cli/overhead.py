"""The command `exportbench overhead`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..arguments import device_option, trust_option
from ..arguments.types import positive
from ..artifacts.artifact import open_artifact
from ..artifacts.integrity import check_files
from ..diagnostics.timing_overhead import LIMIT_S, LIMIT_SHARE, ROUNDS, Overhead, measure
from ..errors import ArtifactError
from ..exit_status import FAILED, NOT_MEASURED, OK
from ..inputs.loading import read_inputs
from ..measure import devices
from ..measure.devices import DeviceChoice
from ..measure.progress import Progress
from ..outcome import Failure, Outcome
from ..sandbox import trust
from ..steps.planning import find_artifacts, runtime_environments, thread_count
from ..steps.progress_bar import progress
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
    trust_option.add(parser)
    parser.add_argument("--inputs", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument(
        "--batch", type=positive, nargs="+", default=[1, 128], help="default: 1 128"
    )
    device_option.add(parser)
    parser.add_argument("--rounds", type=positive, default=ROUNDS)
    parser.add_argument("--threads", type=positive, help="default: all cores")
    parser.add_argument("--json", metavar="FILE", help="as JSON; - for the terminal")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure and report; return the exit status.

    Raises:
        UsageError, InputError: one line for the user.
    """
    read_inputs(options.inputs)
    try_json(options.json)
    found: list[Overhead] = []
    failures: dict[str, Failure] = {}
    with progress() as tell:
        artifacts = find_artifacts(options.artifacts)
        trusted = trust.read(options.trust, [label for label, _ in artifacts])
        choice = devices.choose(options.device, runtime_environments(artifacts, {}))
        for number, (label, path) in enumerate(artifacts):
            try:
                artifact = open_artifact(path, label)
                check_files(artifact)
                trust.require_trusted(artifact, trusted)
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
                    found.append(
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
        [asdict(one) | {"allowed_s": one.allowed_s} for one in found],
        lambda console: show(found, failures, choice, console),
        options.json,
    )
    if any(one.low_s > one.allowed_s for one in found):
        return FAILED
    return NOT_MEASURED if failures else OK


def show(
    found: list[Overhead], failures: dict[str, Failure], choice: DeviceChoice, console: Console
) -> None:
    """Print a table, and the artifacts that could not be measured."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("artifact", "batch", "bare call", "harness adds", "95 % interval", "allowed"):
        table.add_column(title, justify="left" if title == "artifact" else "right")
    for one in found:
        table.add_row(
            one.artifact,
            str(one.batch),
            f"{one.bare_s * 1e6:,.0f} µs",
            f"{one.added_s * 1e6:+,.1f} µs",
            f"{one.low_s * 1e6:+,.1f} to {one.high_s * 1e6:+,.1f} µs",
            f"{one.allowed_s * 1e6:,.0f} µs",
        )
    console.print(table)
    console.print(f"on {choice.device}", style="dim")
    for notice in choice.notices:
        console.print(notice, markup=False)
    for label, failure in failures.items():
        console.print(f"{label}: {failure.outcome}: {failure.reason}", markup=False)
