"""Values of an output beyond its tolerance: how many, where, and whether that many are allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..tensors.dtypes import kind_of
from ..tensors.text import escaped
from .element_differences import ElementDifferences, coarse_map
from .whole_calls import WholeCall, samples_title

_NAMED_SAMPLES = 5


def count_beyond(
    apart: ElementDifferences,
    outputs: np.ndarray,
    expected: np.ndarray,
    calls: Sequence[WholeCall] | None = None,
) -> dict[str, Any]:
    """Tell how many values are beyond a tolerance, and where the largest difference is.

    Args:
        apart: the differences of one output.
        outputs, expected: the output on both sides.
        calls: the calls, if the samples cannot be told apart.

    Returns:
        Fields of `OutputDifference`: `values` and `beyond`, both numbers of values, `at`, the place
        of the largest difference, None if no value is beyond, `call_samples`, `texts` and `map`.
    """
    counts: dict[str, Any] = {"values": apart.values, "beyond": apart.beyond, "at": None}
    if not apart.beyond:
        return counts
    unit = int(apart.worst_units[0])
    place = int(apart.unit_place[unit])
    if expected.ndim:
        within = place_in(unit, place, expected.shape, calls)
        counts["at"] = [unit if calls is None else calls[unit].samples[0], *within]
        if calls is not None:
            counts["call_samples"] = len(calls[unit].samples)
    else:
        counts["at"] = []
    if kind_of(expected.dtype) == "text":
        counts["texts"] = [
            escaped(value_at(side, unit, place, calls)) for side in (outputs, expected)
        ]
    if apart.places is not None:
        counts["map"] = coarse_map(apart.places)
    return counts


def place_in(
    unit: int, place: int, shape: Sequence[int], calls: Sequence[WholeCall] | None
) -> tuple[int, ...]:
    """The place of a value in its sample or call, by axis.

    Args:
        unit: number of the sample or call.
        place: the value's number there, in C order.
        shape: shape of the output.
        calls: the calls, if the samples cannot be told apart.
    """
    of_unit = tuple(shape[1:]) if calls is None else calls[unit].shape
    return tuple(int(at) for at in np.unravel_index(place, of_unit))


def value_at(array: np.ndarray, unit: int, place: int, calls: Sequence[WholeCall] | None) -> Any:
    """The value at a place of a sample or call; the arguments are as of `place_in`."""
    if calls is not None:
        return array[sum(int(np.prod(call.shape)) for call in calls[:unit]) + place]
    return array[unit].reshape(-1)[place] if array.ndim > 1 else array.reshape(-1)[unit]


def allow(output: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Let an output pass if few enough of its values differ by more than the tolerance.

    Args:
        output: its comparison, with what `count_beyond` counts.
        share: the largest share of values that may differ.

    Returns:
        The entries of the comparison that change.
    """
    differing = output["beyond"] / output["values"] if output["values"] else 0.0
    return {"passed": differing <= share, "allowed_share": share}


def samples_beyond(counts: np.ndarray, calls: Sequence[WholeCall] | None = None) -> str:
    """Name the samples with values beyond a tolerance, those with most first.

    Args:
        counts: number of such values in each sample.
        calls: the calls, if the samples cannot be told apart; these are named then.
    """
    if calls is None:
        titles = [f"{row:,}" for row in range(len(counts))]
    else:
        titles = [samples_title(call.samples[0], len(call.samples)) for call in calls]
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    named = ", ".join(f"{titles[row]} ({counts[row]:,})" for row in order[:_NAMED_SAMPLES])
    more = len(order) - _NAMED_SAMPLES
    return f"in samples {named}" + (f" and {more:,} more" if more > 0 else "")
