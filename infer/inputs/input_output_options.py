"""All of the user's options about inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import InputError, OptionError
from ..tensors.comparison_options import RowSet, parse_comparisons
from ..tensors.rules import EVERY, parse_rules
from ..tensors.sample_columns import SampleColumn, parse_sample_columns
from .options import InputOptions, parse_dims, parse_ranges, parse_shares, parse_state_bindings
from .random import SAMPLES, Random


class InputOutputTexts(Protocol):
    """The options as texts, as the user writes them."""

    @property
    def inputs(self) -> Path | None:
        """The file of inputs."""

    @property
    def random(self) -> int | None:
        """The seed of random inputs."""

    @property
    def samples(self) -> int | None:
        """Number of random samples."""

    @property
    def range(self) -> Sequence[str]:
        """INPUT=LOW:HIGH."""

    @property
    def dim(self) -> Sequence[str]:
        """[ARTIFACT:]NAME=SIZE."""

    @property
    def map(self) -> Sequence[str]:
        """Rules, or files of rules."""

    @property
    def loop(self) -> Sequence[str]:
        """OUTPUT=INPUT."""

    @property
    def whole(self) -> Sequence[str]:
        """Inputs that every call gets whole."""

    @property
    def independent(self) -> bool:
        """Whether each call begins from the state after loading."""

    @property
    def ignore(self) -> Sequence[str]:
        """Outputs that are not compared."""

    @property
    def compare(self) -> Sequence[str]:
        """OUTPUT=abs, or OUTPUT=set:OTHER,..."""

    @property
    def rows(self) -> Sequence[str]:
        """[ARTIFACT:]OUTPUT:COLUMN."""

    @property
    def allow(self) -> Sequence[str]:
        """OUTPUT=SHARE."""


@dataclass(frozen=True)
class InputOutputOptions:
    """The options, parsed.

    Attributes:
        random: random inputs to draw; None if there is a file.
        input_options: the user's options about inputs and outputs.
        ignored: outputs that are not compared.
        absolute: outputs whose absolute values are compared.
        row_sets: outputs whose rows are compared as sets.
        sample_columns: where the sample of each row of an output is told.
        allowed: share of the values that may differ, by output.
    """

    random: Random | None
    input_options: InputOptions
    ignored: tuple[str, ...]
    absolute: tuple[str, ...]
    row_sets: tuple[RowSet, ...]
    sample_columns: tuple[SampleColumn, ...]
    allowed: Mapping[str, float]


def read_input_output_options(
    options: InputOutputTexts, labels: Sequence[str]
) -> InputOutputOptions:
    """Parse the options for artifacts with these labels.

    Raises:
        OptionError: an option cannot be parsed.
        InputError: an option excludes another.
    """
    if options.random is not None and options.inputs:
        raise InputError("random and inputs exclude each other: take one")
    if options.random is None and options.samples:
        raise OptionError("samples", options.samples, "goes with random inputs: give a seed")
    if options.independent and options.loop:
        raise InputError(
            "independent and loop exclude each other: samples are independent, or steps of a "
            "sequence"
        )
    absolute, row_sets = parse_comparisons(options.compare)
    rules = parse_rules(options.map, labels)
    dims = parse_dims(options.dim, labels)
    input_options = InputOptions(
        rules,
        dims.pop(EVERY),
        parse_ranges(options.range),
        parse_state_bindings(options.loop, labels),
        tuple(options.whole),
        independent=options.independent,
        artifact_dims=dims,
    )
    random = None
    if options.random is not None:
        random = Random(options.random, options.samples or SAMPLES)
    return InputOutputOptions(
        random,
        input_options,
        tuple(options.ignore),
        absolute,
        row_sets,
        parse_sample_columns(options.rows, labels),
        parse_shares(options.allow),
    )
