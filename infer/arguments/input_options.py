"""The options about inputs and outputs."""

from __future__ import annotations

import argparse

from ..inputs.random import SAMPLES
from .types import positive, whole


def add(
    parser: argparse._ActionsContainer,
    samples_help: str = f"how many to make up (default: {SAMPLES})",
) -> None:
    """Add the options to a parser; `samples_help` is the help of `--samples`."""
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
        help=samples_help,
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
        "size of a free dimension, as height=224, or image.2=224 where it has no name; for one "
        "artifact only as a.onnx:height=224",
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
    _several(
        parser,
        "--whole",
        "INPUT",
        "inputs whose first axis does not count samples: every call gets them whole",
    )
    parser.add_argument(
        "--independent",
        action="store_true",
        help="reset the state of an artifact, or load it again, before each call (docs/inputs.md)",
    )
    _several(parser, "--ignore", "OUTPUT", "outputs that are not compared")
    _several(
        parser,
        "--compare",
        "OUTPUT=HOW",
        "abs: by absolute values, where the sign is not unique; set: rows in any order, with what "
        "belongs to each, as boxes=set:classes,scores (docs/parity.md)",
    )
    _several(
        parser,
        "--rows",
        "[ARTIFACT:]OUTPUT:COLUMN",
        "of outputs that hold the rows of all samples of a call: the column with the number of the "
        "sample, as boxes:0, or in another output, as boxes=selected:0",
    )
    _several(
        parser,
        "--allow",
        "OUTPUT=SHARE",
        "share of the values of an output that may be beyond tolerance, as mask=0.1%% "
        "(default: none)",
    )


def _several(parser: argparse._ActionsContainer, name: str, metavar: str, text: str) -> None:
    parser.add_argument(name, nargs="+", action="extend", default=[], metavar=metavar, help=text)
