"""Values of an output beyond its tolerance: how many, where, and whether that many are allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..outcome import Failure, Outcome
from ..tensors.dtypes import kind_of
from .whole_calls import WholeCall, by_call, samples_title

_NAMED_SAMPLES = 5


def count_beyond(difference: np.ndarray, tolerance: float) -> dict[str, Any]:
    """Count the values beyond a tolerance, and find the largest difference.

    Args:
        difference: absolute differences of one output; NaN counts as beyond.
        tolerance: the largest that passes.

    Returns:
        `values` and `beyond`, both numbers of values, and `at`, the place of the largest
        difference; None if no value is beyond.
    """
    ranked = np.where(np.isnan(difference), np.inf, difference)
    beyond = int((ranked > tolerance).sum())
    at = np.unravel_index(int(ranked.argmax()), ranked.shape) if beyond else None
    return {
        "values": int(ranked.size),
        "beyond": beyond,
        "at": None if at is None else [int(index) for index in at],
    }


def allow(name: str, output: dict[str, Any], expected: np.ndarray, share: float) -> dict[str, Any]:
    """Let an output of whole numbers pass if few enough of its values differ.

    Args:
        name: name of the output.
        output: its comparison, with what `count_beyond` counts.
        expected: values of the reference.
        share: the largest share of values that may differ.

    Returns:
        The entries of the comparison that change.

    Raises:
        Failure: it holds floating point.
    """
    if kind_of(expected.dtype) not in ("int", "bool", "text"):
        raise Failure(
            Outcome.BAD_INPUT,
            f"--allow {name}={share:g}: '{name}' is {expected.dtype.name}, and a share is allowed "
            "of whole numbers only; allow larger differences with --tolerance",
        )
    differing = output["beyond"] / output["values"] if output["values"] else 0.0
    return {"passed": differing <= share, "allowed_share": share}


def samples_beyond(
    difference: np.ndarray, tolerance: float, calls: Sequence[WholeCall] | None = None
) -> str:
    """Name the samples with values beyond a tolerance, those with most first.

    Args:
        difference: absolute differences, N x anything.
        tolerance: the largest that passes.
        calls: the calls, if the samples cannot be told apart; these are named then.
    """
    beyond = ~(difference <= tolerance)
    if calls is None:
        rows = list(beyond) if beyond.ndim else [beyond]
        titles = [f"{row:,}" for row in range(len(rows))]
    else:
        rows = by_call(beyond, calls)
        titles = [samples_title(call.samples[0], len(call.samples)) for call in calls]
    counts = np.array([int(row.sum()) for row in rows])
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    named = ", ".join(f"{titles[row]} ({counts[row]:,})" for row in order[:_NAMED_SAMPLES])
    more = len(order) - _NAMED_SAMPLES
    return f"in samples {named}" + (f" and {more:,} more" if more > 0 else "")
