"""The command `exportbench bisect`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..arguments import device_option, input_options, trust_option
from ..arguments.types import positive, whole
from ..artifacts.artifact import Artifact, open_artifact
from ..artifacts.discovery import label_paths
from ..artifacts.integrity import check_files
from ..diagnostics.bisect.comparing import TensorComparison
from ..diagnostics.bisect.running import BisectOptions
from ..diagnostics.bisect.search import Bisection, bisect
from ..errors import ArtifactError, InputError
from ..exit_status import FAILED, NOT_MEASURED, OK, WRONG_USAGE
from ..inputs.input_output_options import read_input_output_options
from ..inputs.loading import read_inputs
from ..measure import devices
from ..outcome import Failure, Outcome
from ..sandbox import trust
from ..steps.planning import runtime_environments
from ..system import machine
from .console import emit

_SAMPLES = 4
_TIMEOUT_S = 300.0


def add(actions: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "bisect",
        help="find where two ONNX graphs first part",
        description="Run two artifacts on the same inputs, with all tensors inside given out, and "
        "find the earliest whose difference is beyond tolerance. Of other formats than ONNX only "
        "outputs are compared. One artifact alone is compared with itself, on the CPU and on a "
        "card. Exit status: 0 they agree, 1 they part, 2 wrong usage or input, 3 "
        "one could not be run.",
        epilog="example: exportbench bisect good.onnx bad.onnx --inputs test.npz",
    )
    parser.add_argument("a", type=Path, metavar="A", help="the one that is right")
    parser.add_argument(
        "b",
        type=Path,
        nargs="?",
        metavar="B",
        help="the one that is in doubt (default: A, on the card of --device)",
    )
    parser.add_argument("--inputs", type=Path, metavar="FILE", help=".npz or .npy, as for run")
    input_options.add(parser)
    trust_option.add(parser)
    parser.add_argument(
        "--skip",
        type=whole,
        default=0,
        metavar="N",
        help="samples to leave out first",
    )
    parser.add_argument(
        "--tolerance", type=float, help="largest difference that passes (default: by precision)"
    )
    device_option.add(parser)
    parser.add_argument("--threads", type=positive, help="for each artifact (default: all cores)")
    parser.add_argument("--json", metavar="FILE", help="as JSON; - for the terminal")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Bisect; return the exit status.

    Raises:
        InputError: wrong usage or input.
    """
    paths = [options.a, options.b] if options.b else [options.a]
    labels = [label for _, label in label_paths(paths)]
    if options.b and options.a.resolve() == options.b.resolve():
        raise InputError(
            f"{options.a}: both artifacts are this one; to compare it on the CPU and on a card, "
            "name it once and say --device cuda"
        )
    choice = devices.choose(
        options.device, runtime_environments(tuple(zip(labels, paths, strict=True)), {})
    )
    for label, problem in choice.unsupported.items():
        raise InputError(f"{label}: {problem}")
    places = choice.device, choice.device
    if not options.b:
        if choice.device == "cpu":
            raise InputError(
                "bisect: name a second artifact; one alone is compared on the CPU and on a card, "
                "and there is none to be used" + "".join(f" ({n})" for n in choice.notices)
            )
        places = "cpu", "cuda"
        paths, labels = paths * 2, labels * 2
    if options.inputs is None and options.random is None:
        raise InputError("bisect: give inputs with --inputs FILE, or have them made up: --random 0")
    wanted = options.samples
    if options.inputs:
        read_inputs(options.inputs)
        options.samples = None  # the option also limits the samples of a file here
    stated = read_input_output_options(options, labels)
    samples = wanted or _SAMPLES
    random = stated.random
    bisect_options = BisectOptions(
        options.inputs,
        random and type(random)(random.seed, samples),
        samples,
        options.skip,
        stated.input_options,
        options.tolerance,
        options.threads or machine.cores(),
        _TIMEOUT_S,
        places,
        choice.card,
    )
    trusted = trust.read(options.trust, labels)
    try:
        found = bisect(*_open(paths, labels, trusted), bisect_options)
    except Failure as failure:
        print(f"error: {failure.outcome}: {failure.reason}", file=sys.stderr)
        return WRONG_USAGE if failure.outcome == Outcome.BAD_INPUT else NOT_MEASURED
    emit(found.describe(), lambda console: show(found, console), options.json)
    return OK if found.agree else FAILED


def _open(
    paths: list[Path], labels: list[str], trusted: tuple[str, ...]
) -> tuple[Artifact, Artifact]:
    try:
        a, b = (open_artifact(path, label) for path, label in zip(paths, labels, strict=True))
        check_files(a)
        check_files(b)
        trust.require_trusted(a, trusted)
        trust.require_trusted(b, trusted)
        return a, b
    except ArtifactError as error:
        raise InputError(str(error)) from None


def show(found: Bisection, console: Console) -> None:
    """Print the result of a bisection."""
    if found.first:
        one = found.first
        where = f"{one.operator} '{one.node}' gives '{one.name}'"
        console.print(Text(f"{found.a} and {found.b} first part where {where}", style="bold red"))
        console.print(Text(f"  {_difference(one)}"))
        if one.inputs_agree is not None:
            told = {
                True: "all that it takes agrees, so it is this operation or its weights",
                False: "some of what it takes differs already",
            }
            console.print(Text(f"  {told[one.inputs_agree]}"))
        if found.before:
            console.print(Text(f"  the last that agrees before it: '{found.before.name}'"))
    elif found.agree:
        what = "tensors that were compared" if found.graphs else "outputs"
        console.print(Text(f"{found.a} and {found.b}: all {what} agree", style="bold green"))
    else:
        console.print(Text(f"{found.a} and {found.b}: outputs differ", style="bold red"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    titles = (found.a, found.b, "paired by", "shape", "largest difference", "tolerance")
    for title in titles:
        table.add_column(title)
    listed = [one for one in (found.before, found.first) if one]
    for one in [*listed, *found.after, *found.outputs]:
        name = one.name if one.node != "output" else f"{one.name} (output)"
        style = "" if one.passed else "red"
        shape = " x ".join(map(str, one.shape)) or "scalar"
        cells = [name, one.other, one.paired, shape, _largest(one), f"{one.tolerance:.2g}"]
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)
    if found.graphs:
        how = ", ".join(f"{count} by {name}" for name, count in sorted(found.paired.items()))
        count = sum(found.paired.values())
        console.print(
            Text(f"{count} of {found.tensors} tensors compared ({how or 'none'})", style="dim")
        )
    for note in found.notes:
        console.print(Text(note, style="dim"))


def _largest(one: TensorComparison) -> str:
    return "not comparable" if one.largest_difference is None else f"{one.largest_difference:.3g}"


def _difference(one: TensorComparison) -> str:
    if one.largest_difference is None:
        return "one is not finite, or of another shape, where the other is not"
    return (
        f"they differ by {one.largest_difference:.3g}; up to {one.tolerance:.2g} would pass "
        f"({one.how})"
    )
