"""Which operators of a graph its outputs depend on: the others say nothing of its precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def needed(
    operators: Sequence[tuple[Iterable[str], Iterable[str]]], outputs: Iterable[str]
) -> set[int]:
    """Find the operators that outputs depend on, by their places in the list.

    Args:
        operators: names of the values that each takes, and of those that it gives. A value may be
            given by several.
        outputs: names of the values that count.
    """
    givers: dict[str, list[int]] = {}
    for place, (_, given) in enumerate(operators):
        for name in given:
            givers.setdefault(name, []).append(place)
    found: set[int] = set()
    left, seen = list(outputs), set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for place in givers.get(name, ()):
            if place not in found:
                found.add(place)
                left.extend(operators[place][0])
    return found
