"""The command `exportbench bisect`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from rich.console import Console

from ..arguments import common_options, input_options
from ..arguments.types import whole
from ..artifacts.discovery import label_paths
from ..console import BAD, TextColumn, one_line, print_table, print_wrapped
from ..diagnostics.bisect.comparing import TensorComparison
from ..diagnostics.bisect.running import BisectOptions
from ..diagnostics.bisect.search import Bisection, bisect
from ..errors import InputError
from ..exit_status import FAILED, NOT_MEASURED, OK, WRONG_USAGE
from ..inputs.input_output_options import read_input_output_options
from ..inputs.loading import read_inputs
from ..measure import devices
from ..outcome import Failure, Outcome
from ..sandbox import trust
from ..sandbox.artifact_reader import OpenedArtifacts
from ..stderr import print_line
from ..steps.planning import runtime_environments
from ..steps.source_inputs import stored_inputs
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
    parser.add_argument("--inputs", type=Path, metavar="FILE", help="as for run")
    input_options.add(parser, f"how many to take, or to make up (default: {_SAMPLES})")
    common_options.add_trust(parser)
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
    common_options.add_device(parser)
    common_options.add_threads(parser)
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Bisect; return the exit status.

    Raises:
        UsageError, InputError, ArtifactError: one line for the user.
    """
    wanted = options.skip + (options.samples or _SAMPLES)
    with stored_inputs(options.inputs, wanted) as options.inputs:
        return _bisect(options)


def _bisect(options: argparse.Namespace) -> int:
    paths = [options.a, options.b] if options.b else [options.a]
    labels = [label for _, label in label_paths(paths)]
    if options.b and options.a.resolve() == options.b.resolve():
        raise InputError(
            f"{options.a}: both artifacts are this one; to compare it on the CPU and on a card, "
            "name it once and say --device cuda"
        )
    opened = OpenedArtifacts()
    named = tuple(zip(labels, paths, strict=True))
    choice = devices.choose(options.device, runtime_environments(named, {}, opened))
    for label, problem in choice.unsupported.items():
        raise InputError(f"{label}: {problem}")
    places = choice.device, choice.device
    if not options.b:
        if choice.device == "cpu":
            raise InputError(
                "bisect: name a second artifact; one alone is compared on the CPU and on a card, "
                "and there is no card to be used" + "".join(f" ({n})" for n in choice.notices)
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
        a, b = (
            trust.open_trusted(opened, path, label, trusted)
            for path, label in zip(paths, labels, strict=True)
        )
        bisection = bisect(a, b, bisect_options)
    except Failure as failure:
        print_line(f"error: {failure.outcome}: {failure.reason}")
        return WRONG_USAGE if failure.outcome == Outcome.BAD_INPUT else NOT_MEASURED
    emit(bisection.describe(), lambda console: show(bisection, console), options.json)
    return OK if bisection.agree else FAILED


def show(bisection: Bisection, console: Console) -> None:
    """Print the result of a bisection."""
    a, b = bisection.a, bisection.b
    if bisection.first:
        first = bisection.first
        where = f"{first.operator} '{first.node}' gives '{first.name}'"
        print_wrapped(console, one_line(f"{a} and {b} first part where {where}", style=BAD))
        print_wrapped(console, one_line(_difference(first, (a, b))), 2)
        if first.inputs_agree is not None:
            explanation = {
                True: "all that it takes agrees, so it is this operation or its weights",
                False: "some of what it takes differs already",
            }
            print_wrapped(console, one_line(explanation[first.inputs_agree]), 2)
        if bisection.before:
            print_wrapped(
                console, one_line(f"the last that agrees before it: '{bisection.before.name}'"), 2
            )
    elif bisection.agree:
        what = "tensors that were compared" if bisection.graphs else "outputs"
        print_wrapped(console, one_line(f"{a} and {b}: all {what} agree", style="bold"))
    else:
        print_wrapped(console, one_line(f"{a} and {b}: outputs differ", style=BAD))
    columns = [
        TextColumn(a, is_text=True),
        TextColumn(b, is_text=True),
        TextColumn("paired by", is_text=True, detail=1),
        *(TextColumn(title, is_text=True) for title in ("shape", "largest difference")),
        TextColumn("tolerance", is_text=True),
    ]
    rows = []
    listed = [tensor for tensor in (bisection.before, bisection.first) if tensor]
    for tensor in [*listed, *bisection.after, *bisection.outputs]:
        name = tensor.name if tensor.node != "output" else f"{tensor.name} (output)"
        style = "" if tensor.passed else BAD
        shape = " x ".join(map(str, tensor.shape)) or "scalar"
        cells = [
            name,
            tensor.other,
            tensor.paired,
            shape,
            _largest(tensor),
            f"{tensor.tolerance:.2g}",
        ]
        rows.append([one_line(cell, style=style) for cell in cells])
    print_table(console, columns, rows)
    if bisection.graphs:
        how = ", ".join(f"{count} by {name}" for name, count in sorted(bisection.paired.items()))
        count = sum(bisection.paired.values())
        print_wrapped(
            console,
            one_line(
                f"{count} of {bisection.tensors} tensors compared ({how or 'none'})", style="dim"
            ),
        )
    for note in bisection.notes:
        console.print(one_line(note, style="dim"), soft_wrap=True)


def _largest(tensor: TensorComparison) -> str:
    return (
        "not comparable"
        if tensor.largest_difference is None
        else f"{tensor.largest_difference:.3g}"
    )


def _difference(tensor: TensorComparison, labels: tuple[str, str]) -> str:
    counts = [
        f"{count:,} of {math.prod(tensor.shape):,} values in {label}"
        for label, count in zip(labels, tensor.not_finite, strict=True)
        if count
    ]
    if tensor.largest_difference is None and counts:
        return (
            f"not finite: {' and '.join(counts)}{'' if len(counts) > 1 else ', none in the other'}"
        )
    if tensor.largest_difference is None:
        return "one is not finite, or of another shape, where the other is not"
    if tensor.reason:
        return f"{tensor.reason} ({tensor.how})"
    return (
        f"they differ by {tensor.largest_difference:.3g}; up to {tensor.tolerance:.2g} would pass "
        f"({tensor.how})"
    )
