"""Which tensor of an artifact is which of the inputs file or of the reference.

A rule says `NAME=OTHER`: the artifact's NAME is OTHER of the inputs file (for an input) or of the
reference (for an output). With layouts it is `NAME@NCHW=OTHER@NHWC`. Rules come from `--map`, or
from a TOML file with a table for every artifact. Where there is no rule, a pair is taken if it is
the only one that fits, and said; where two fit, the user is asked.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVERY = "*"
_SIDE = re.compile(r"(?P<name>.+?)(?:@(?P<layout>[A-Za-z]{1,12}))?", re.ASCII)
_SUFFIX = re.compile(r":\d+$")
# Pairs that a question shows; the others are like them.
_SHOWN = 3


class MapError(ValueError):
    """A rule or file of rules that cannot be read, or does not fit: one line for the user."""


class Ambiguous(ValueError):  # noqa: N818 - it is a question
    """Several pairs fit: a question to the user, with the rules that would settle it."""


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
    def of(cls, value: Mapping[str, Any]) -> Rule:
        """Read back what `asdict` and JSON made of a rule."""
        return cls(**value)

    @property
    def text(self) -> str:
        """The rule as `--map` takes it."""
        own = self.name + (f"@{self.layout}" if self.layout else "")
        other = self.other + (f"@{self.other_layout}" if self.other_layout else "")
        return (f"{self.artifact}:" if self.artifact != EVERY else "") + f"{own}={other}"

    def axes(self, *, to_other: bool) -> tuple[int, ...] | None:
        """How to transpose, from the other's layout to the artifact's or back; None for not."""
        if self.layout is None or self.other_layout is None:
            return None
        source, target = self.other_layout.upper(), self.layout.upper()
        if to_other:
            source, target = target, source
        return tuple(source.index(letter) for letter in target)


def parse_rules(texts: Iterable[str], labels: Sequence[str]) -> tuple[Rule, ...]:
    """Rules of `--map`: each a rule, or a TOML file of rules.

    Args:
        texts: `[ARTIFACT:]NAME[@LAYOUT]=OTHER[@LAYOUT]`, or the path of a `.toml` file.
        labels: of the artifacts. A prefix that is none of them is a part of the name, as in
            TensorFlow's "image:0".

    Raises:
        MapError: one is not that.
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
            raise MapError(
                f"--map: '{rule.name}' is said to be both '{seen[key].other}' and '{rule.other}'"
            )
        seen[key] = rule
    return tuple(seen.values())


def scoped(text: str, labels: Sequence[str]) -> tuple[str, str]:
    """The label before a colon, or EVERY, and the rest of what the user says."""
    for label in sorted(labels, key=len, reverse=True):
        if text.startswith(f"{label}:"):
            return label, text[len(label) + 1 :]
    return EVERY, text


def _parse(text: str, labels: Sequence[str]) -> Rule:
    artifact, rest = scoped(text, labels)
    left, equals, right = rest.partition("=")
    if not equals or not left or not right:
        raise MapError(
            f"--map {text}: say [ARTIFACT:]NAME=OTHER, with layouts as NAME@NCHW=OTHER@NHWC, or "
            "the path of a .toml file"
        )
    return _rule(left, right, artifact, "", f"--map {text}")


def _rule(left: str, right: str, artifact: str, kind: str, where: str) -> Rule:
    own, other = _SIDE.fullmatch(left), _SIDE.fullmatch(right)
    assert own and other
    layouts = own["layout"], other["layout"]
    if (layouts[0] is None) != (layouts[1] is None):
        raise MapError(f"{where}: one side has a layout, the other none; say both or neither")
    if layouts[0] and layouts[1]:
        letters = [sorted(layout.upper()) for layout in layouts if layout]
        if letters[0] != letters[1] or len(set(letters[0])) != len(letters[0]):
            raise MapError(
                f"{where}: the layouts {layouts[0]} and {layouts[1]} are not the same letters, "
                "each once"
            )
    return Rule(own["name"], other["name"], *layouts, artifact, kind)


def _rules_of_file(path: Path, labels: Sequence[str]) -> list[Rule]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MapError(f"--map {path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise MapError(f"--map {path}: not TOML ({error})") from None
    rules = []
    for label, table in tables.items():
        if label != EVERY and label not in labels:
            raise MapError(f"--map {path}: no artifact '{label}' (there are: {', '.join(labels)})")
        if not isinstance(table, dict) or table.keys() - {"inputs", "outputs"}:
            raise MapError(f'--map {path}: ["{label}"] may hold the tables inputs and outputs')
        for kind, pairs in table.items():
            if not isinstance(pairs, dict):
                raise MapError(f'--map {path}: ["{label}".{kind}] is not a table')
            for left, right in pairs.items():
                if not isinstance(right, str) or not left or not right:
                    raise MapError(
                        f"--map {path}: '{left}' must be the name of the other in quotes"
                    )
                rules.append(_rule(left, right, label, kind.removesuffix("s"), f"--map {path}"))
    return rules


def rules_for(
    rules: Iterable[Rule], label: str, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[dict[str, Rule], dict[str, Rule]]:
    """The rules of an artifact, by the names of its inputs and of its outputs.

    A rule of the artifact's own goes before one for all.

    Raises:
        MapError: a rule of the artifact's names what it has not, or what is both.
    """
    found: tuple[dict[str, Rule], dict[str, Rule]] = {}, {}
    for rule in sorted(rules, key=lambda rule: rule.artifact != EVERY):
        if rule.artifact not in (EVERY, label):
            continue
        places = [
            side
            for side, names in ((0, inputs), (1, outputs))
            if rule.name in names and rule.kind in ("", ("input", "output")[side])
        ]
        if len(places) == 2:
            raise MapError(
                f"--map: '{rule.name}' is both an input and an output of {label}; say which in a "
                f'TOML file, as ["{label}".inputs]'
            )
        if not places and rule.artifact == label:
            kinds = ("input", inputs), ("output", outputs)
            has = "; ".join(
                f"{kind}s: {', '.join(names) or 'none'}"
                for kind, names in kinds
                if rule.kind in ("", kind)
            )
            raise MapError(f"--map: {label} has no {rule.kind or 'tensor'} '{rule.name}' ({has})")
        for side in places:
            found[side][rule.name] = rule
    return found


@dataclass(frozen=True)
class Pair:
    """An artifact's tensor and what it is.

    Attributes:
        name: the artifact's.
        other: in the inputs file or the reference.
        axes: to transpose by: an input from the file's layout to the artifact's, an output from the
            artifact's to the reference's; None for not at all.
        note: why it was taken, where that was neither the same name nor a rule.
    """

    name: str
    other: str
    axes: tuple[int, ...] | None = None
    note: str = ""


Fits = Callable[[str, str], list[tuple[int, ...] | None]]


def pair(
    names: Sequence[str],
    others: Sequence[str],
    rules: Mapping[str, Rule],
    fits: Fits,
    *,
    outputs: bool,
    label: str,
) -> list[Pair]:
    """Pair the tensors of an artifact with others: by rule, by name, or where only one way fits.

    Args:
        names: of the artifact's inputs or outputs.
        others: of the file or the reference.
        rules: of the artifact, by name.
        fits: the ways (axes, or None for as it is) that a name's tensor could be another's by
            shape and type; as it is comes first and excludes others.
        outputs: whether these are outputs.
        label: of the artifact, for what is said to the user.

    Returns:
        Pairs, in the order of `names`; what is left over on either side is in none.

    Raises:
        MapError: a rule names what is not there.
        Ambiguous: several ways fit.
    """
    found: dict[str, Pair] = {}
    for name, rule in rules.items():
        if rule.other not in others:
            where = "the reference has no output" if outputs else "the inputs file has no array"
            raise MapError(
                f"--map: {where} '{rule.other}' (there are: {', '.join(others) or 'none'})"
            )
        found[name] = Pair(name, rule.other, rule.axes(to_other=outputs))
    if len({one.other for one in found.values()}) < len(found):
        raise MapError(f"--map: two tensors of {label} are said to be the same other")
    # A layout is looked for only once the names are paired: it never decides between names.
    for key, why in ((lambda text: text, ""), (plain, "the names differ in case or suffix only")):
        _by_name(names, others, found, key, why)
    free, open_ = _left(names, others, found)
    if free and len(free) == len(open_):
        if len(names) == len(others) == 1:
            found[free[0]] = Pair(free[0], open_[0], None, "the only one left on either side")
        else:
            _by_fit(free, open_, found, fits, label)
    return [_laid_out(found[name], rules, fits, label) for name in names if name in found]


def plain(name: str) -> str:
    """A name without what formats add to it: case, and a suffix such as ":0"."""
    return _SUFFIX.sub("", name).casefold()


def _left(
    names: Sequence[str], others: Sequence[str], found: Mapping[str, Pair]
) -> tuple[list[str], list[str]]:
    taken = {one.other for one in found.values()}
    return [n for n in names if n not in found], [o for o in others if o not in taken]


def _by_name(
    names: Sequence[str],
    others: Sequence[str],
    found: dict[str, Pair],
    key: Callable[[str], str],
    why: str,
) -> None:
    free, open_ = _left(names, others, found)
    mine = [key(name) for name in free]
    theirs = [key(other) for other in open_]
    for name, own in zip(free, mine, strict=True):
        if mine.count(own) == theirs.count(own) == 1:
            found[name] = Pair(name, open_[theirs.index(own)], None, why)


def _by_fit(
    free: list[str], open_: list[str], found: dict[str, Pair], fits: Fits, label: str
) -> None:
    """Pair what is left where shapes and types leave one way.

    A way to pair all is the only one if and only if pairs can be split off, one after the other,
    of which one side fits nothing else.
    """
    choices = {name: [other for other in open_ if fits(name, other)] for name in free}
    left = dict(choices)
    while left:
        single = next((name for name, own in left.items() if len(own) == 1), None)
        if single is None:
            for other in {o for own in left.values() for o in own}:
                takers = [name for name, own in left.items() if other in own]
                if len(takers) == 1:
                    single, left[takers[0]] = takers[0], [other]
                    break
        if single is None:
            break
        (other,) = left.pop(single)
        found[single] = Pair(single, other, None, "the only one that fits")
        left = {name: [o for o in own if o != other] for name, own in left.items()}
    if any(not own for own in left.values()) or not left:
        return  # something fits nothing: who asks says what is missing
    raise Ambiguous(question(label, left))


def question(label: str, choices: Mapping[str, Sequence[str]]) -> str:
    """One line: what could be what, and the options that would settle it."""
    shown = list(choices.items())[:_SHOWN]
    text = "; ".join(f"'{name}' could be {_either(own)}" for name, own in shown)
    taken: list[str] = []
    for _, own in shown:
        taken.append(next((other for other in own if other not in taken), own[0]))
    options = " ".join(
        _quoted(f"{label}:{name}={other}") for (name, _), other in zip(shown, taken, strict=True)
    )
    more = len(choices) - len(shown)
    others = f" (and {more} more like these)" if more else ""
    return f"{text}{others}; say which, for instance by --map {options}"


def _either(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names[: _SHOWN + 1]]
    return " or ".join(shown) + (" or others" if len(names) > len(shown) else "")


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII) else f"'{text}'"


def _laid_out(one: Pair, rules: Mapping[str, Rule], fits: Fits, label: str) -> Pair:
    """The pair with the layout that fits, where the shapes leave one."""
    if one.name in rules and rules[one.name].layout:
        return one
    ways = fits(one.name, one.other)
    if not ways or ways[0] is None:
        return one  # as it is, or it fits in no way: who asks says so
    if len(ways) > 1:
        option = _quoted(f"{label}:{one.name}@NCHW={one.other}@NHWC")
        raise Ambiguous(
            f"'{one.name}' could be '{one.other}' in {len(ways)} layouts; say which, "
            f"for instance by --map {option}"
        )
    moved = f"axes {' '.join(map(str, ways[0]))} of '{one.other}'"
    note = f"{one.note}, with {moved}" if one.note else moved
    return Pair(one.name, one.other, ways[0], f"{note}, the only layout that fits")


def layouts(
    have: Sequence[int], wanted: Sequence[int | str | None], *, first: int = 1
) -> list[tuple[int, ...] | None]:
    """The ways to lay out an array so that it has a shape: as it is, or the channels moved.

    Only moves of the channels between last and first place are tried, not every permutation.

    Args:
        have: sizes of the array.
        wanted: sizes; names and None stand for any.
        first: the axis that channels may move to; those before it stay.

    Returns:
        None for as it is, which excludes the others, or axes; empty if nothing fits.
    """

    def fit(axes: Sequence[int]) -> bool:
        return len(have) == len(wanted) and all(
            not isinstance(size, int) or axis < first or have[axis] == size
            for axis, size in zip(axes, wanted, strict=True)
        )

    count = len(have)
    same = tuple(range(count))
    if fit(same):
        return [None]
    if count - first < 2:
        return []
    before = same[:first]
    ways = {(*before, count - 1, *same[first:-1]), (*before, *same[first + 1 :], first)}
    return [axes for axes in sorted(ways) if fit(axes)]
