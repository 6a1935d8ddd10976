"""In which orders of its axes a tensor fits another."""

from __future__ import annotations

from collections.abc import Sequence


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
