"""Match the tensors of an artifact with those of the inputs file or of the reference.

A rule says `NAME=OTHER`: the artifact's NAME is OTHER of the inputs file (for an input) or of the
reference (for an output). With layouts it is `NAME@NCHW=OTHER@NHWC`. Rules come from `--map`, or
from a TOML file with a table for every artifact. Where there is no rule, a pair is taken if it is
the only one that fits, and said; where two fit, the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import AmbiguousMatchError, MapError
from ..escaping import shell_word
from .layouts import Axes, letters_of
from .rules import Rule

_SUFFIX = re.compile(r":\d+$")
# Number of pairs that a question to the user shows; the others are like them.
_SHOWN = 3


@dataclass(frozen=True)
class TensorMatch:
    """A tensor of an artifact, and the tensor that it was matched with.

    Attributes:
        name: its name in the artifact.
        other: name of the matching tensor in the inputs file or the reference.
        axes: to rearrange by: an input from the file's layout to the artifact's, an output from the
            artifact's to the reference's; None for not at all.
        layout: the layout that a rule states for what is rearranged.
        note: why it was taken, where that was neither the same name nor a rule.
    """

    name: str
    other: str
    axes: Axes | None = None
    note: str = ""
    layout: str | None = None


LayoutsThatFit = Callable[[str, str], list[tuple[int, ...] | None]]


def match_tensors(
    names: Sequence[str],
    others: Sequence[str],
    rules: Mapping[str, Rule],
    fits: LayoutsThatFit,
    *,
    outputs: bool,
    label: str,
) -> list[TensorMatch]:
    """Match the tensors of an artifact with others: by rule, by name, or where only one way fits.

    Args:
        names: names of the artifact's inputs or outputs.
        others: names of the tensors in the file or the reference.
        rules: the artifact's rules, by name.
        fits: the ways (axes, or None for as it is) that a name's tensor could be another's by
            shape and type; as it is comes first and excludes others.
        outputs: whether these are outputs.
        label: the artifact's label, for messages to the user.

    Returns:
        Pairs, in the order of `names`; unmatched tensors of either side are left out.

    Raises:
        MapError: a rule names a tensor that does not exist.
        AmbiguousMatchError: there are several ways to match them.
    """
    matches: dict[str, TensorMatch] = {}
    for name, rule in rules.items():
        if rule.other not in others:
            where = "the reference has no output" if outputs else "the inputs file has no array"
            raise MapError(
                f"--map: {where} '{rule.other}' (there are: {', '.join(others) or 'none'})"
            )
        layout = rule.layout if outputs else rule.other_layout
        matches[name] = TensorMatch(name, rule.other, rule.axes(to_other=outputs), layout=layout)
    if len({match.other for match in matches.values()}) < len(matches):
        raise MapError(f"--map: two tensors of {label} are mapped to the same tensor")
    # A layout is looked for only once the names are paired: it never decides between names.
    for key, why in ((lambda text: text, ""), (plain, "the names differ in case or suffix only")):
        _by_name(names, others, matches, key, why)
    free, open_ = _left(names, others, matches)
    if free and len(free) == len(open_):
        if len(names) == len(others) == 1:
            matches[free[0]] = TensorMatch(
                free[0], open_[0], None, "the only one left on either side"
            )
        else:
            _by_fit(free, open_, matches, fits, label)
    _check_exchanged(names, others, matches, rules, fits, label)
    return [
        _laid_out(matches[name], rules, fits, label, outputs=outputs)
        for name in names
        if name in matches
    ]


def plain(name: str) -> str:
    """Remove what formats add to a name: case, and a suffix such as ":0"."""
    return _SUFFIX.sub("", name).casefold()


def _left(
    names: Sequence[str], others: Sequence[str], matches: Mapping[str, TensorMatch]
) -> tuple[list[str], list[str]]:
    taken = {match.other for match in matches.values()}
    return [n for n in names if n not in matches], [o for o in others if o not in taken]


def _by_name(
    names: Sequence[str],
    others: Sequence[str],
    matches: dict[str, TensorMatch],
    key: Callable[[str], str],
    why: str,
) -> None:
    free, open_ = _left(names, others, matches)
    keys = [key(name) for name in free]
    other_keys = [key(other) for other in open_]
    for name, name_key in zip(free, keys, strict=True):
        if keys.count(name_key) == other_keys.count(name_key) == 1:
            matches[name] = TensorMatch(name, open_[other_keys.index(name_key)], None, why)


def _by_fit(
    free: list[str],
    open_: list[str],
    matches: dict[str, TensorMatch],
    fits: LayoutsThatFit,
    label: str,
) -> None:
    """Match the remaining tensors if their shapes and types allow only one way.

    A way to pair all is the only one if and only if pairs can be split off, one after the other,
    of which one side fits nothing else.
    """
    choices = {name: [other for other in open_ if fits(name, other)] for name in free}
    left = dict(choices)
    while left:
        single = next((name for name, candidates in left.items() if len(candidates) == 1), None)
        if single is None:
            for other in {o for candidates in left.values() for o in candidates}:
                takers = [name for name, candidates in left.items() if other in candidates]
                if len(takers) == 1:
                    single, left[takers[0]] = takers[0], [other]
                    break
        if single is None:
            break
        (other,) = left.pop(single)
        matches[single] = TensorMatch(single, other, None, "the only one that fits")
        left = {name: [o for o in candidates if o != other] for name, candidates in left.items()}
    if any(not candidates for candidates in left.values()) or not left:
        return  # something fits nothing: the caller reports what is missing
    raise AmbiguousMatchError(question(label, left))


def _check_exchanged(
    names: Sequence[str],
    others: Sequence[str],
    matches: Mapping[str, TensorMatch],
    rules: Mapping[str, Rule],
    fits: LayoutsThatFit,
    label: str,
) -> None:
    """Ask where tensors of one name do not fit each other, but all fit if names are exchanged.

    Raises:
        AmbiguousMatchError: it is so.
    """
    by_name = [name for name in matches if name not in rules]
    if all(fits(name, matches[name].other) for name in by_name):
        return
    free, open_ = by_name, [matches[name].other for name in by_name]
    if len(names) == len(others):
        left = _left(names, others, matches)
        free, open_ = free + left[0], open_ + left[1]
    choices = {name: [other for other in open_ if fits(name, other)] for name in free}
    exchanged = assignment(choices)
    if len(exchanged) < len(choices):
        return  # the caller reports what does not fit
    changed = {
        name: choices[name]
        for name in free
        if name not in matches or exchanged[name] != matches[name].other
    }
    raise AmbiguousMatchError(
        f"tensors of one name have other shapes; {question(label, changed, exchanged)}"
    )


def assignment(choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Assign another to as many names as possible, each once, by augmenting paths."""
    taker: dict[str, str] = {}

    def assign(name: str, seen: set[str]) -> bool:
        # What is free first, so that names keep their order.
        for other in sorted(choices[name], key=lambda other: other in taker):
            if other not in seen:
                seen.add(other)
                if other not in taker or assign(taker[other], seen):
                    taker[other] = name
                    return True
        return False

    for name in choices:
        assign(name, set())
    assigned = {name: other for other, name in taker.items()}
    return {name: assigned[name] for name in choices if name in assigned}


def question(
    label: str, choices: Mapping[str, Sequence[str]], chosen: Mapping[str, str] | None = None
) -> str:
    """Ask the user in one line: the possible matches, and the options that choose one.

    Args:
        label: label of the artifact.
        choices: the possible others of each name.
        chosen: one way to match all names; None for any.
    """
    shown = list(choices.items())[:_SHOWN]
    text = "; ".join(f"'{name}' could be {_either(candidates)}" for name, candidates in shown)
    chosen = chosen or {name: candidates[0] for name, candidates in shown} | assignment(choices)
    options = " ".join(shell_word(f"{label}:{name}={chosen[name]}") for name, _ in shown)
    more = len(choices) - len(shown)
    others = f" (and {more} more like these)" if more else ""
    return f"{text}{others}; say which, for instance by --map {options}"


def _either(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names[: _SHOWN + 1]]
    return " or ".join(shown) + (" or others" if len(names) > len(shown) else "")


def _laid_out(
    match: TensorMatch,
    rules: Mapping[str, Rule],
    fits: LayoutsThatFit,
    label: str,
    *,
    outputs: bool,
) -> TensorMatch:
    """Return the pair with the layout that fits, if the shapes allow only one."""
    if match.name in rules and rules[match.name].layout:
        return match
    ways = fits(match.name, match.other)
    if not ways or ways[0] is None:
        return match  # no change needed, or it does not fit: the caller reports that
    if len(ways) > 1:
        before, after = letters_of(ways[0])
        layout, other = (before, after) if outputs else (after, before)
        option = shell_word(f"{label}:{match.name}@{layout}={match.other}@{other}")
        raise AmbiguousMatchError(
            f"'{match.name}' could be '{match.other}' in {len(ways)} layouts; say which, "
            f"for instance by --map {option}"
        )
    moved = f"axes {' '.join(map(str, ways[0]))} of '{match.other}'"
    note = f"{match.note}, with {moved}" if match.note else moved
    return TensorMatch(match.name, match.other, ways[0], f"{note}, the only layout that fits")
