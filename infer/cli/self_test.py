"""The command `exportbench self-test`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .. import quantities
from ..arguments import device_option, trust_option
from ..arguments.types import given, positive
from ..artifacts.artifact import open_artifact
from ..artifacts.integrity import check_files
from ..diagnostics import self_measurement_artifacts as known
from ..diagnostics.self_measurement import TRIALS, Verdicts, measured, simulated
from ..errors import ArtifactError, UsageError
from ..exit_status import OK
from ..measure import devices
from ..measure.progress import Progress
from ..outcome import Failure
from ..records.protocol import UNTIL
from ..runtimes.registry import RUNTIMES
from ..sandbox import trust
from ..stats.card_simulation import Card
from ..stats.simulation import SPELLS
from ..steps.planning import runtime_environments, thread_count
from ..steps.progress_bar import progress
from .console import emit, try_json

# About the interval's half-width that the simulated noise gives in twenty generations.
_SIMULATED_RESOLVE = 0.035
_SPELLS_RESOLVE = 0.013
Made = tuple[str, known.Named, Path]


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "self-test",
        help="measure how often the tool is wrong on this machine",
        description="Compare an artifact with byte copies of itself, and with copies that do 2, 5 "
        "and 10 %% more work: first in simulation, then on this machine.",
        epilog="example: exportbench self-test --budget 10m",
    )
    parser.add_argument(
        "artifact", nargs="?", type=Path, metavar="ARTIFACT", help="copy this one instead"
    )
    trust_option.add(parser)
    parser.add_argument("--inputs", type=Path, metavar="FILE.npz", help="for ARTIFACT")
    parser.add_argument(
        "--budget",
        type=given(quantities.parse_duration),
        default=600.0,
        metavar="TIME",
        help="for all of the measuring (default: 10m)",
    )
    parser.add_argument(
        "--generations",
        type=positive,
        metavar="N",
        help="end each measuring after N processes of each artifact, within the budget",
    )
    parser.add_argument(
        "--batch", type=positive, nargs="+", default=[1], help="samples a call (default: 1)"
    )
    parser.add_argument(
        "--turns",
        type=positive,
        default=UNTIL.bursts,
        metavar="N",
        help=f"bursts in a process (default: {UNTIL.bursts})",
    )
    parser.add_argument(
        "--simulated", type=positive, default=2000, help="simulated runs (default: 2000)"
    )
    device_option.add(parser)
    parser.add_argument("--threads", type=positive, help="for each (default: all cores)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures as JSON; - for the terminal"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the self-test, and show the results; return the exit status.

    Raises:
        UsageError: one line for the user.
    """
    if bool(options.artifact) != bool(options.inputs):
        raise UsageError("self-test: an ARTIFACT of your own goes with --inputs")
    try_json(options.json)
    try:
        with progress() as tell:
            found = verdicts(options, thread_count(options.threads), tell)
    except ArtifactError as error:
        raise UsageError(str(error)) from None
    emit(
        [asdict(one) for one in found],
        lambda console: show(found, console),
        options.json,
    )
    return OK


def verdicts(
    options: argparse.Namespace, threads: int, tell: Callable[[Progress], None]
) -> list[Verdicts]:
    """Simulate, then measure on this machine, each kind of artifact for its share of the budget."""
    kinds: list[dict[str, Any]] = [
        {},
        {"resolve": _SIMULATED_RESOLVE},
        {"noise": SPELLS, "generations": TRIALS[1]},
        {"noise": SPELLS, "resolve": _SPELLS_RESOLVE},
        *({"card": Card(), "generations": count} for count in TRIALS),
        {"card": Card(), "generations": TRIALS[1], "device": "cpu"},
    ]
    with tempfile.TemporaryDirectory(prefix="exportbench-") as temporary:
        folder = Path(temporary)
        made = _made(options, folder)
        choice = _choose(options.device, made)
        where = "" if choice.device == "cpu" else f" on {choice.device}"
        result = []
        for number, kind in enumerate(kinds):
            tell(Progress(f"simulation {number + 1} of {len(kinds)}", number / len(kinds)))
            result.append(simulated(options.simulated, options.seed, **kind))
        for number, (of, artifacts, inputs) in enumerate(made):
            for batch in options.batch:
                what = f"{of}{where}, batch {batch}"
                tell(Progress(what, number / len(made)))
                result += measured(
                    what,
                    artifacts,
                    inputs,
                    folder / f"run-{number}-{batch}",
                    budget_s=options.budget / len(made) / len(options.batch),
                    generations=options.generations,
                    batch=batch,
                    turns=options.turns,
                    threads=threads,
                    device=choice.device,
                    card=choice.card,
                    tell=tell,
                )
    return result


def _choose(device: str, made: list[Made]) -> devices.DeviceChoice:
    """Choose the device; the fake runtime, which can run anywhere, counts only if it is alone.

    Raises:
        UsageError: an artifact cannot run there.
    """
    uses = runtime_environments(tuple((of, artifacts[0][1]) for of, artifacts, _ in made), {})
    real = {of: use for of, use in uses.items() if not RUNTIMES[use.runtime].for_tests}
    choice = devices.choose(device, real or uses)
    for of, problem in choice.unsupported.items():
        raise UsageError(f"{of}: {problem}")
    return choice


def _made(options: argparse.Namespace, folder: Path) -> list[Made]:
    if options.artifact:
        original = open_artifact(options.artifact)
        check_files(original)
        try:
            trust.require_trusted(original, trust.read(options.trust, [original.label]))
        except Failure as failure:
            raise ArtifactError(f"{original.path}: {failure.reason}") from None
        return [
            (
                f"copies of {original.label}",
                known.copy_artifact(original.path, folder / "own"),
                options.inputs,
            )
        ]
    inputs = folder / "inputs.npz"
    known.write_inputs(inputs)
    made: list[Made] = [("fake runtime", known.write_fake(folder / "fake"), inputs)]
    try:
        made.append(("ONNX Runtime", known.write_onnx(folder / "onnx"), inputs))
    except ImportError:
        Console(stderr=True).print(
            "ONNX Runtime is left out: the package onnx is not installed, pip install '.[onnx]'"
        )
    return made


def show(found: list[Verdicts], console: Console) -> None:
    """Print the verdicts as a table."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("measured", "false alarms", "95 % interval", "bias", "coverage", "resolution"):
        table.add_column(title, justify="left" if title == "measured" else "right")
    for added in known.ADDED:
        table.add_column(f"power at {added:.0%}", justify="right")
    for one in found:
        low, high = one.false_alarm_interval
        table.add_row(
            one.of,
            f"{one.false_alarms} of {one.comparisons}",
            f"{low:.1%} to {high:.1%}" if one.comparisons else "-",
            f"{one.bias:+.2%}" if one.intervals else "-",
            f"{one.covered / one.intervals:.1%}" if one.intervals else "-",
            f"{one.half_width:.2%}" if one.intervals else "-",
            *(
                f"{own[0] / own[1]:.0%} of {own[1]}" if own else "-"
                for own in (one.power.get(f"{added:.0%}") for added in known.ADDED)
            ),
        )
    console.print(table)
    console.print(
        "Each comparison stands on as many generations of processes as its row says, at 95 % "
        "without a correction; where there are none, the budget was too short for so many. "
        "false alarms: equal artifacts that were told apart. bias: of the estimated ratio. "
        "coverage: intervals that hold the true ratio. resolution: half the width of an interval. "
        "power: slower artifacts that were found to be.",
        style="dim",
    )
