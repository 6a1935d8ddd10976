"""The user's rules for matching tensors: names and layouts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MapError, OptionError
from ..regular_file import read_text_as_named
from .layouts import SINGLE, Axes, axes_between

EVERY = "*"
_MOST_BYTES, _MOST_DOTS = 1 << 16, 400  # of a file of rules, and of a line in it
_SIDE = re.compile(r"(?P<name>.+?)(?:@(?P<layout>[A-Za-z1]{1,12}))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """One pair that the user has stated.

    Attributes:
        name, layout: of the artifact.
        other, other_layout: of the inputs file or the reference.
        artifact: its label; "*" for every artifact that has the name.
        kind: "input", "output", or "" for whichever has the name.
    """

    name: str
    other: str
    layout: str | None = None
    other_layout: str | None = None
    artifact: str = EVERY
    kind: str = ""

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Rule:
        """Rebuild a rule from JSON of its `asdict`."""
        return cls(**value)

    @property
    def text(self) -> str:
        """The rule in the syntax of `--map`."""
        tensor = self.name + (f"@{self.layout}" if self.layout else "")
        other = self.other + (f"@{self.other_layout}" if self.other_layout else "")
        return (f"{self.artifact}:" if self.artifact != EVERY else "") + f"{tensor}={other}"

    def axes(self, *, to_other: bool) -> Axes | None:
        """How to rearrange, from the other's layout to the artifact's or back; None for not."""
        if self.layout is None or self.other_layout is None:
            return None
        if to_other:
            return axes_between(self.layout, self.other_layout)
        return axes_between(self.other_layout, self.layout)


def parse_rules(texts: Iterable[str], labels: Sequence[str]) -> tuple[Rule, ...]:
    """Parse the values of `--map`: each is a rule or a TOML file of rules.

    Args:
        texts: `[ARTIFACT:]NAME[@LAYOUT]=OTHER[@LAYOUT]`, or the path of a `.toml` file.
        labels: labels of the artifacts. A prefix that is none of them is part of the name, as in
            TensorFlow's "image:0".

    Raises:
        OptionError: a value is neither.
    """
    rules: list[Rule] = []
    for text in texts:
        if text.endswith(".toml") and "=" not in text:
            rules += _rules_of_file(Path(text), labels)
        else:
            rules.append(_parse(text, labels))
    seen: dict[tuple[str, str, str], Rule] = {}
    for rule in rules:
        key = rule.artifact, rule.kind, rule.name
        if key in seen and seen[key] != rule:
            raise OptionError(
                "map", rule.name, f"is mapped to both '{seen[key].other}' and '{rule.other}'"
            )
        seen[key] = rule
    return tuple(seen.values())


def scoped(text: str, labels: Sequence[str]) -> tuple[str, str]:
    """Split a value of the user into the label before the colon, or EVERY, and the rest."""
    for label in sorted(labels, key=len, reverse=True):
        if text.startswith(f"{label}:"):
            return label, text[len(label) + 1 :]
    return EVERY, text


def _parse(text: str, labels: Sequence[str]) -> Rule:
    artifact, rest = scoped(text, labels)
    left, equals, right = rest.partition("=")
    if not equals or not left or not right:
        raise OptionError(
            "map",
            text,
            "say [ARTIFACT:]NAME=OTHER, with layouts as NAME@NCHW=OTHER@NHWC, or the path of a "
            ".toml file",
        )
    return _rule(left, right, artifact, "", text)


def _rule(left: str, right: str, artifact: str, kind: str, option: str | Path) -> Rule:
    tensor, other = _SIDE.fullmatch(left), _SIDE.fullmatch(right)
    assert tensor and other
    layouts = tensor["layout"], other["layout"]
    if (layouts[0] is None) != (layouts[1] is None):
        raise OptionError(
            "map", option, "one side has a layout, the other none; say both or neither"
        )
    if layouts[0] and layouts[1]:
        letters = [sorted(layout.upper().replace(SINGLE, "")) for layout in layouts if layout]
        if letters[0] != letters[1] or len(set(letters[0])) != len(letters[0]):
            raise OptionError(
                "map",
                option,
                f"the layouts {layouts[0]} and {layouts[1]} are not the same letters, each once "
                f"({SINGLE} is an axis of length 1)",
            )
    return Rule(tensor["name"], other["name"], *layouts, artifact, kind)


def _rules_of_file(path: Path, labels: Sequence[str]) -> list[Rule]:
    import tomllib  # workers import this module, and read no files of rules

    try:
        text = read_text_as_named(path, _MOST_BYTES)
        # The time to parse a key grows with the square of its parts.
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise OptionError("map", path, f"has a line with more than {_MOST_DOTS} dots")
        tables = tomllib.loads(text)
    except OSError as error:
        raise OptionError("map", path, f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise OptionError("map", path, f"not TOML ({error})") from None
    rules = []
    for label, table in tables.items():
        if label != EVERY and label not in labels:
            raise OptionError(
                "map", path, f"no artifact '{label}' (there are: {', '.join(labels)})"
            )
        if not isinstance(table, dict) or table.keys() - {"inputs", "outputs"}:
            raise OptionError("map", path, f'["{label}"] may hold the tables inputs and outputs')
        for kind, pairs in table.items():
            if not isinstance(pairs, dict):
                raise OptionError("map", path, f'["{label}".{kind}] is not a table')
            for left, right in pairs.items():
                if not isinstance(right, str) or not left or not right:
                    raise OptionError(
                        "map", path, f"'{left}' must be the name of the other in quotes"
                    )
                rules.append(_rule(left, right, label, kind.removesuffix("s"), path))
    return rules


def rules_for(
    rules: Iterable[Rule],
    label: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    arrays: Collection[str],
    reference: Collection[str] | None = None,
) -> tuple[dict[str, Rule], dict[str, Rule]]:
    """Select the rules that apply to an artifact, by the names of its inputs and of its outputs.

    A rule for this artifact takes precedence over a rule for all. Of a name that is both an input
    and an output, a rule is about the one whose other side has its OTHER, or about both.

    Args:
        rules: the user's rules.
        label: label of the artifact.
        inputs, outputs: names of its tensors.
        arrays: names of the arrays in the inputs file.
        reference: names of the reference's outputs; None where they are not known yet.

    Raises:
        MapError: a rule for this artifact names a tensor that it lacks.
    """
    by_side: tuple[dict[str, Rule], dict[str, Rule]] = {}, {}
    for rule in sorted(rules, key=lambda rule: rule.artifact != EVERY):
        if rule.artifact not in (EVERY, label):
            continue
        places = [
            side
            for side, names in ((0, inputs), (1, outputs))
            if rule.name in names and rule.kind in ("", ("input", "output")[side])
        ]
        if len(places) == 2:
            if reference is not None and rule.other not in {*arrays, *reference}:
                raise MapError(
                    f"--map: neither the inputs file nor the reference has '{rule.other}' "
                    f"(there are: {', '.join(dict.fromkeys((*arrays, *reference))) or 'none'})"
                )
            places = [
                side
                for side, names in ((0, arrays), (1, reference))
                if names is None or rule.other in names
            ]
        elif not places and rule.artifact == label:
            kinds = ("input", inputs), ("output", outputs)
            has = "; ".join(
                f"{kind}s: {', '.join(names) or 'none'}"
                for kind, names in kinds
                if rule.kind in ("", kind)
            )
            raise MapError(f"--map: {label} has no {rule.kind or 'tensor'} '{rule.name}' ({has})")
        for side in places:
            by_side[side][rule.name] = rule
    return by_side
