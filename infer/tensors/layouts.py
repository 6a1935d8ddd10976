"""The layouts in which a tensor fits another: the orders of its axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import MapError

# For each axis of the result: the axis of the source, or None for a new axis of length 1. Axes of
# the source that are not named have the length 1 and are dropped.
Axes = tuple[int | None, ...]
# An axis of length 1 in a layout, which the other side may lack.
SINGLE = "1"
# Letters of the axes in layouts that messages suggest.
_LETTERS = "NCHWDEFGIJKL"


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


def axes_between(source: str, target: str) -> Axes:
    """How to rearrange an array from one layout to another.

    Args:
        source: a letter for each axis, and `1` for an axis of length 1.
        target: the same letters in another order, with or without such axes.
    """
    source, target = source.upper(), target.upper()
    return tuple(None if letter == SINGLE else source.index(letter) for letter in target)


def rearranged(
    array: np.ndarray, axes: Axes | None, name: str, layout: str | None = None
) -> np.ndarray:
    """Bring an array into another layout; its values stay.

    Args:
        array: the array.
        axes: as of `axes_between`; None to leave the array unchanged.
        name: name of the array, for errors.
        layout: layout that the user states for the array.

    Raises:
        MapError: the array has other axes than the layout.
    """
    if axes is None:
        return array
    ndim = len(axes) if layout is None else len(layout)
    if array.ndim != ndim:
        raise MapError(f"'{name}' has {array.ndim} dimensions, the layout in --map {ndim}")
    dropped = [axis for axis in range(array.ndim) if axis not in axes]
    for axis in dropped:
        if array.shape[axis] != 1:
            raise MapError(
                f"'{name}' has the length {array.shape[axis]} in dimension {axis}, the layout in "
                f"--map {layout} says 1"
            )
    kept = array.transpose([axis for axis in axes if axis is not None] + dropped)
    shape = iter(kept.shape)
    return kept.reshape([1 if axis is None else next(shape) for axis in axes])


def letters_of(axes: Sequence[int]) -> tuple[str, str]:
    """Name the layouts of an array before and after it is transposed by these axes."""
    before = _LETTERS[: len(axes)]
    return before, "".join(before[axis] for axis in axes)


def layouts_apart(
    shape: Sequence[int | str | None], other: Sequence[int | str | None]
) -> tuple[str, str] | None:
    """Name the layouts of two shapes that differ in axes of length 1 only, or in their order only.

    The first axis counts samples on both sides. None if the shapes differ in more, or not at all.
    """
    if not shape or not other or max(len(shape), len(other)) > len(_LETTERS):
        return None
    if [size for size in shape[1:] if size != 1] == [size for size in other[1:] if size != 1]:
        if len(shape) == len(other):
            return None
        of_shape, of_other = iter(_LETTERS[1:]), iter(_LETTERS[1:])
        return (
            "N" + "".join(SINGLE if size == 1 else next(of_shape) for size in shape[1:]),
            "N" + "".join(SINGLE if size == 1 else next(of_other) for size in other[1:]),
        )
    if len(shape) != len(other) or sorted(map(str, shape[1:])) != sorted(map(str, other[1:])):
        return None
    letters = dict(enumerate(_LETTERS[: len(shape)]))
    left = list(range(1, len(shape)))
    order = "N"
    for size in other[1:]:
        axis = next(axis for axis in left if shape[axis] == size)
        left.remove(axis)
        order += letters[axis]
    return "".join(letters.values()), order
