"""The user's options about inputs: sizes, ranges, loops."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import OptionError
from ..tensors.rules import EVERY, Rule, scoped


@dataclass(frozen=True)
class StateBinding:
    """An output that an input takes in the next call.

    Attributes:
        output: its name, or what a rule calls it.
        input: name of the input.
        artifact: the label of the one that is meant, or EVERY for all that have such a state.
    """

    output: str
    input: str
    artifact: str = EVERY

    @property
    def text(self) -> str:
        """The binding in the syntax of `--loop`."""
        return (f"{self.artifact}:" if self.artifact != EVERY else "") + (
            f"{self.output}={self.input}"
        )


@dataclass(frozen=True)
class InputOptions:
    """What the user says of the inputs of all artifacts.

    Attributes:
        rules: which tensor is which.
        dims: sizes of free dimensions, by name, or by INPUT.AXIS where they have none.
        artifact_dims: sizes for one artifact only, by its label; they take precedence.
        ranges: smallest and largest value that an input is made for, by name.
        loops: inputs that take an output of the call before.
        whole: inputs that every call gets whole, by their name or that of their array.
        independent: whether each call begins from the state after loading.
    """

    rules: tuple[Rule, ...] = ()
    dims: Mapping[str, int] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    loops: tuple[StateBinding, ...] = ()
    whole: tuple[str, ...] = ()
    independent: bool = False
    artifact_dims: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def sizes_for(self, label: str) -> dict[str, int]:
        """Sizes of free dimensions for an artifact, by name."""
        return {**self.dims, **self.artifact_dims.get(label, {})}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> InputOptions:
        """Rebuild options from JSON of their `asdict`."""
        return cls(
            tuple(map(Rule.from_dict, value.get("rules", ()))),
            dict(value.get("dims", {})),
            {name: (low, high) for name, (low, high) in value.get("ranges", {}).items()},
            tuple(StateBinding(**loop) for loop in value.get("loops", ())),
            tuple(value.get("whole", ())),
            independent=bool(value.get("independent", False)),
            artifact_dims={
                label: dict(dims) for label, dims in value.get("artifact_dims", {}).items()
            },
        )


def parse_dims(texts: Sequence[str], labels: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """Parse the sizes of `--dim`, by label of the artifact, or EVERY, and name.

    Args:
        texts: `[ARTIFACT:]NAME=SIZE`.
        labels: labels of the artifacts; a prefix that is none of them is part of the name.

    Raises:
        OptionError: a text has another form.
    """
    dims: dict[str, dict[str, int]] = {EVERY: {}}
    for text in texts:
        artifact, rest = scoped(text, labels)
        match = re.fullmatch(r"(.+)=(\d{1,9})", rest, re.ASCII)
        if not match:
            raise OptionError(
                "dim", text, "say [ARTIFACT:]NAME=SIZE, as height=224, or INPUT.AXIS=SIZE"
            )
        dims.setdefault(artifact, {})[match[1]] = int(match[2])
    return dims


def parse_ranges(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Parse the ranges of `--range`, by the name of the input.

    Raises:
        OptionError: a text is not NAME=LOW:HIGH.
    """
    ranges = {}
    for text in texts:
        name, _, limits = text.rpartition("=")
        try:
            low, high = map(float, limits.split(":"))
        except ValueError:
            low, high = 0.0, -1.0
        if not name or not np.isfinite([low, high]).all() or low > high:
            raise OptionError("range", text, "say INPUT=LOW:HIGH, as image=0:1")
        ranges[name] = low, high
    return ranges


def parse_state_bindings(
    texts: Sequence[str], labels: Sequence[str] = ()
) -> tuple[StateBinding, ...]:
    """Parse the state bindings of `--loop`.

    Args:
        texts: `[ARTIFACT:]OUTPUT=INPUT`.
        labels: labels of the artifacts; a prefix that is none of them is part of the name.

    Raises:
        OptionError: a text has another form, or an input takes two outputs.
    """
    loops: dict[tuple[str, str], StateBinding] = {}
    for text in texts:
        artifact, rest = scoped(text, labels)
        output, _, input_name = rest.partition("=")
        if not output or not input_name or (artifact, input_name) in loops:
            raise OptionError("loop", text, "say [ARTIFACT:]OUTPUT=INPUT, every input once")
        loops[artifact, input_name] = StateBinding(output, input_name, artifact)
    return tuple(loops.values())


def parse_shares(texts: Sequence[str]) -> dict[str, float]:
    """Parse the shares of `--allow`, by the name of the output.

    Raises:
        OptionError: a text is not OUTPUT=SHARE.
    """
    shares = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not name or not 0 <= share <= 1:
            raise OptionError("allow", text, "say OUTPUT=SHARE, as mask=0.001 or mask=0.1%")
        shares[name] = share
    return shares
