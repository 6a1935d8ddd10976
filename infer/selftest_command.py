"""The command `exportbench self-test`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infer import selftest_artifacts as known
from infer import trust
from infer.artifact import ArtifactError, check_files, open_artifact
from infer.controller import Progress
from infer.outcome import Failure
from infer.selftest import GENERATIONS, Verdicts, measured, simulated

# About what the simulated noise comes to in twenty generations.
_SIMULATED_RESOLVE = 0.035
Made = tuple[str, known.Named, Path]


def verdicts(
    options: argparse.Namespace, threads: int, tell: Callable[[Progress], None]
) -> list[Verdicts]:
    """Simulate, then measure on this machine, each kind of artifact for its share of the budget."""
    result = [
        simulated(options.simulated, options.seed),
        simulated(options.simulated, options.seed, resolve=_SIMULATED_RESOLVE),
    ]
    with tempfile.TemporaryDirectory(prefix="exportbench-") as temporary:
        folder = Path(temporary)
        made = _made(options, folder)
        for number, (of, artifacts, inputs) in enumerate(made):
            for batch in options.batch:
                tell(Progress(f"{of}, batch {batch}", number / len(made)))
                result.append(
                    measured(
                        f"{of}, batch {batch}",
                        artifacts,
                        inputs,
                        folder / f"run-{number}-{batch}",
                        budget_s=options.budget / len(made) / len(options.batch),
                        batch=batch,
                        threads=threads,
                        tell=tell,
                    )
                )
    return result


def _made(options: argparse.Namespace, folder: Path) -> list[Made]:
    if options.artifact:
        original = open_artifact(options.artifact)
        check_files(original)
        try:
            trust.admit(original, trust.read(options.trust, [original.label]))
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
            f"{low:.1%} to {high:.1%}",
            f"{one.bias:+.2%}",
            f"{one.covered / one.intervals:.1%}" if one.intervals else "-",
            f"{one.half_width:.2%}",
            *(
                f"{own[0] / own[1]:.0%} of {own[1]}" if own else "-"
                for own in (one.power.get(f"{added:.0%}") for added in known.ADDED)
            ),
        )
    console.print(table)
    console.print(
        f"Each comparison stands on {GENERATIONS} generations of processes, at 95 % without a "
        "correction. false alarms: equal artifacts that were told apart. bias: of the estimated "
        "ratio. coverage: intervals that hold the true ratio. resolution: half the width of an "
        "interval. power: slower artifacts that were found to be.",
        style="dim",
    )
