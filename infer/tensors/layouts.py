"""The layouts in which a tensor fits another: the orders of its axes."""

from __future__ import annotations

from collections.abc import Sequence


def layouts(
    have: Sequence[int], wanted: Sequence[int | str | None], *, first: int = 1
) -> list[tuple[int, ...] | None]:
    """Find the layouts in which an array has a wanted shape: unchanged, or with channels moved.

    Only moves of the channels between last and first place are tried, not every permutation.

    Args:
        have: sizes of the array.
        wanted: sizes; names and None stand for any.
        first: the axis that channels may move to; those before it stay.

    Returns:
        Axes to transpose by, or None for unchanged, which excludes the others; empty if none fits.
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
