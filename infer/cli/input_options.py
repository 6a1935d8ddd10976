"""The options of the command line that say what inputs and outputs are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError, MapError
from ..inputs.options import InputOptions, parse_dims, parse_ranges, parse_state_bindings
from ..inputs.random import SAMPLES, Random
from ..tensors.rules import parse_rules
from .option_types import positive, whole


@dataclass(frozen=True)
class InputOutputOptions:
    """What the options say.

    Attributes:
        random: inputs to make up; None where there is a file.
        wishes: of the user.
        ignored: outputs that are not compared.
        absolute: outputs whose absolute values are compared.
    """

    random: Random | None
    wishes: InputOptions
    ignored: tuple[str, ...]
    absolute: tuple[str, ...]


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument(
        "--random",
        type=whole,
        metavar="SEED",
        help="make inputs up from the signature instead, the same for all artifacts",
    )
    parser.add_argument(
        "--samples",
        type=positive,
        metavar="N",
        help=f"how many to make up (default: {SAMPLES})",
    )
    _several(
        parser,
        "--range",
        "INPUT=LOW:HIGH",
        "what an input is made for, as image=0:1: images of uint8 are scaled to it, random inputs "
        "drawn from it (default: the manifest's; else these are normal, or 0..9)",
    )
    _several(
        parser,
        "--dim",
        "NAME=SIZE",
        "size of a free dimension, as height=224, or image.2=224 where it has no name",
    )
    _several(
        parser,
        "--map",
        "RULE",
        "what an input or output is, as [ARTIFACT:]NAME=OTHER or NAME@NCHW=OTHER@NHWC, or a .toml "
        "file of such (docs/inputs.md)",
    )
    _several(
        parser,
        "--loop",
        "[ARTIFACT:]OUTPUT=INPUT",
        "feed an output to an input in the next call: samples are steps of a sequence",
    )
    _several(parser, "--ignore", "OUTPUT", "outputs that are not compared")
    _several(
        parser,
        "--compare",
        "OUTPUT=abs",
        "compare absolute values, where the sign is not unique",
    )


def read(options: argparse.Namespace, labels: Sequence[str]) -> InputOutputOptions:
    """What the options say of artifacts with these labels.

    Raises:
        InputError: one cannot be read, or excludes another.
    """
    if options.random is not None and options.inputs:
        raise InputError("--random and --inputs exclude each other: take one")
    if options.random is None and options.samples:
        raise InputError("--samples goes with --random SEED")
    absolute = []
    for text in options.compare:
        name, _, how = text.rpartition("=")
        if not name or how != "abs":
            raise InputError(f"--compare {text}: say OUTPUT=abs")
        absolute.append(name)
    try:
        rules = parse_rules(options.map, labels)
    except MapError as error:
        raise InputError(str(error)) from None
    wishes = InputOptions(
        rules,
        parse_dims(options.dim),
        parse_ranges(options.range),
        parse_state_bindings(options.loop, labels),
    )
    random = None
    if options.random is not None:
        random = Random(options.random, options.samples or SAMPLES)
    return InputOutputOptions(random, wishes, tuple(options.ignore), tuple(absolute))


def _several(parser: argparse.ArgumentParser, name: str, metavar: str, text: str) -> None:
    parser.add_argument(name, nargs="+", action="extend", default=[], metavar=metavar, help=text)
