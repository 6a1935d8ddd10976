"""The command `exportbench self-test`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ..arguments import common_options
from ..arguments.types import positive
from ..console import Terminal, TextColumn, one_line, print_table, print_wrapped
from ..diagnostics.self_test import known_artifacts
from ..diagnostics.self_test.measured import measured_verdicts
from ..diagnostics.self_test.simulated import simulated_family_verdicts, simulated_verdicts
from ..diagnostics.self_test.verdicts import TRIALS, Verdicts
from ..errors import ArtifactError, UsageError
from ..exit_status import OK
from ..measure import devices
from ..measure.progress import Progress
from ..outcome import Failure
from ..records.protocol import UNTIL
from ..runtimes.registry import RUNTIMES
from ..sandbox import trust
from ..sandbox.artifact_reader import OpenedArtifacts
from ..stats.card_simulation import Card
from ..stats.processor_simulation import SPELLS, Noise
from ..steps.planning import runtime_environments, thread_count
from ..steps.progress_bar import progress
from ..steps.source_inputs import stored_inputs
from .console import emit, try_json

# About the interval's half-width that the simulated noise gives in twenty generations.
_SIMULATED_RESOLVE = 0.035
_SPELLS_RESOLVE = 0.013
# Some of a family's artifacts are as narrow as that after ten generations, and rest; others go on.
_FAMILY_RESOLVE = 0.03
# One of so many simulated runs of a family is judged after every generation, which takes longest.
_FEWER = 4
# Artifacts of one run that scatter very differently.
_UNEQUAL = Noise(process=0.02, turn=0.01, unequal=0.8, odd=0.03)


@dataclass(frozen=True)
class KnownArtifacts:
    """Artifacts whose differences in speed are known.

    Attributes:
        kind: what they are, for the report.
        example: path of one that the others are like.
        artifacts: by name.
        inputs: file for all of them.
    """

    kind: str
    example: Path
    artifacts: known_artifacts.Named
    inputs: Path


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "self-test",
        help="measure how often the tool is wrong on this machine",
        description="Compare an artifact with byte copies of itself, and with copies that do 2, 5 "
        "and 10 % more work: first in simulation, then on this machine.",
        epilog="example: exportbench self-test --budget 10m",
    )
    parser.add_argument(
        "artifact", nargs="?", type=Path, metavar="ARTIFACT", help="copy this one instead"
    )
    common_options.add_trust(parser)
    parser.add_argument("--inputs", type=Path, metavar="FILE", help="for ARTIFACT")
    common_options.add_budget(parser, 600.0, "all of the measuring")
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
    common_options.add_device(parser)
    common_options.add_threads(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run the self-test, and show the results; return the exit status.

    Raises:
        UsageError, ArtifactError: one line for the user.
    """
    if bool(options.artifact) != bool(options.inputs):
        raise UsageError("self-test: an ARTIFACT of your own goes with --inputs")
    with stored_inputs(options.inputs) as options.inputs:
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    try_json(options.json)
    with progress() as tell:
        results = verdicts(options, thread_count(options.threads), tell)
    emit(
        [asdict(verdict) for verdict in results],
        lambda console: show(results, console),
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
        opened = OpenedArtifacts()
        sets = _known_artifacts(options, folder, opened)
        choice = _choose(options.device, sets, opened)
        where = "" if choice.device == "cpu" else f" on {choice.device}"
        result: list[Verdicts] = []
        families: list[dict[str, Any]] = [
            *(
                {"noise": noise, "borrows": borrows}
                for noise in (Noise(), _UNEQUAL)
                for borrows in (False, True)
            ),
            {"noise": _UNEQUAL, "resolve": _FAMILY_RESOLVE},
        ]
        simulations: list[tuple[Callable[..., Verdicts], dict[str, Any]]] = [
            *((simulated_family_verdicts, family) for family in families),
            *((simulated_verdicts, kind) for kind in kinds),
        ]
        for number, (simulation, settings) in enumerate(simulations):
            share = number / len(simulations)
            tell(Progress(f"simulation {number + 1} of {len(simulations)}", share))
            runs = options.simulated
            if simulation is simulated_family_verdicts and "resolve" in settings:
                runs = -(-runs // _FEWER)
            result.append(simulation(runs, options.seed, **settings))
        for number, known in enumerate(sets):
            for batch in options.batch:
                what = f"{known.kind}{where}, batch {batch}"
                tell(Progress(what, number / len(sets)))
                result += measured_verdicts(
                    what,
                    known.artifacts,
                    known.inputs,
                    folder / f"run-{number}-{batch}",
                    budget_s=options.budget / len(sets) / len(options.batch),
                    generations=options.generations,
                    batch=batch,
                    turns=options.turns,
                    threads=threads,
                    device=choice.device,
                    card=choice.card,
                    tell=tell,
                )
    return result


def _choose(
    device: str, sets: list[KnownArtifacts], opened: OpenedArtifacts
) -> devices.DeviceChoice:
    """Choose the device; the fake runtime, which can run anywhere, counts only if it is alone.

    Raises:
        UsageError: an artifact cannot run there.
    """
    examples = tuple((known.kind, known.example) for known in sets)
    environments = runtime_environments(examples, {}, opened)
    real = {
        kind: environment
        for kind, environment in environments.items()
        if not RUNTIMES[environment.runtime].for_tests
    }
    choice = devices.choose(device, real or environments)
    for kind, problem in choice.unsupported.items():
        raise UsageError(f"{kind}: {problem}")
    return choice


def _known_artifacts(
    options: argparse.Namespace, folder: Path, opened: OpenedArtifacts
) -> list[KnownArtifacts]:
    if options.artifact:
        label = opened.open(options.artifact).label
        trusted = trust.read(options.trust, [label])
        try:
            original = trust.open_trusted(opened, options.artifact, label, trusted)
        except Failure as failure:
            raise ArtifactError(f"{options.artifact}: {failure.reason}") from None
        copies = known_artifacts.copy_artifact(original.path, folder / "copies")
        return [KnownArtifacts(f"copies of {label}", options.artifact, copies, options.inputs)]
    inputs = folder / "inputs.npz"
    known_artifacts.write_inputs(inputs)
    written = {"fake runtime": known_artifacts.write_fake(folder / "fake")}
    try:
        written["ONNX Runtime"] = known_artifacts.write_onnx(folder / "onnx")
    except ImportError:
        Terminal(stderr=True).print(
            "ONNX Runtime is left out: the package onnx is not installed, pip install '.[onnx]'"
        )
    return [
        KnownArtifacts(kind, artifacts[0][1], artifacts, inputs)
        for kind, artifacts in written.items()
    ]


def show(results: list[Verdicts], console: Console) -> None:
    """Print the verdicts as a table."""
    columns = [
        TextColumn("measured", is_text=True),
        TextColumn("false alarms"),
        TextColumn("of", detail=1),
        TextColumn("bias", detail=2),
        TextColumn("coverage"),
        TextColumn("half width"),
        *(TextColumn(f"power at {added:.0%}") for added in known_artifacts.ADDED),
    ]
    rows = []
    for verdict in results:
        low, high = verdict.false_alarm_interval
        share = verdict.false_alarms / max(verdict.comparisons, 1)
        powers = [verdict.power.get(f"{added:.0%}") for added in known_artifacts.ADDED]
        rows.append(
            [
                verdict.title,
                f"{share:.1%} [{low:.1%}, {high:.1%}]" if verdict.comparisons else "-",
                f"{verdict.comparisons:,}" if verdict.comparisons else "-",
                f"{verdict.bias:+.2%}" if verdict.intervals else "-",
                f"{verdict.covered / verdict.intervals:.1%}" if verdict.intervals else "-",
                f"{verdict.half_width:.2%}" if verdict.intervals else "-",
                *(f"{found / count:.0%}" if count else "-" for found, count in map(_pair, powers)),
            ]
        )
    left_out = print_table(console, columns, rows)
    text = (
        "Each comparison stands on as many generations of processes as its row says, at 95 % "
        "without a correction; where there are none, the budget was too short for so many. Where "
        "a row says artifacts, all are compared with one of them, as in a run, at 95 % for all "
        "together: a false alarm in any of them counts, and coverage is that of all at once. "
        "false alarms: equal artifacts that were told apart, with a 95 % interval, of how many. "
        "bias: of the estimated ratio. coverage: intervals that hold the true ratio. half width: "
        "of an interval. power: slower artifacts that were found to be."
    )
    print_wrapped(console, one_line(text, style="dim"))
    if left_out:
        text = f"by --json: columns that have no room here ({', '.join(left_out)})"
        print_wrapped(console, one_line(text, style="dim"))


def _pair(power: tuple[int, int] | None) -> tuple[int, int]:
    return power or (0, 0)
