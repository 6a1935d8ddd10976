"""Allow for the rounding of a reference that needs more than its precision's tolerance, in bounds.

The rounding is what another number of threads changes, with the same calls. Sums are then added in
another order, as another runtime does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..tensors.dtypes import kind_of
from ..tensors.outputs import Outputs
from .spread import spread
from .tolerance import Tolerance

# Another runtime may round this many times as far as another number of threads does.
FACTOR = 10.0
# The bounds. The tolerance of a precision already allows for sums of 20,000 products in each of 50
# layers; ten times that is a tenth of what float16 may do to float32. And a hundredth of the spread
# is a tenth of what is doubted (spread.py).
MOST_TIMES, MOST_SHARE = 10.0, 0.01


def with_rounding(
    limits: Mapping[str, Tolerance], rounding: Mapping[str, float | None], expected: Outputs
) -> dict[str, Tolerance]:
    """Raise tolerances to `FACTOR` times the rounding of the reference, within the bounds.

    Args:
        limits: tolerances by the precision, by output.
        rounding: rounding of the reference, by output.
        expected: outputs of the reference.
    """
    raised = dict(limits)
    for name, limit in limits.items():
        differs = rounding.get(name) or 0.0
        most = _most(limit, expected, name)
        if min(FACTOR * differs, most) > limit.value:
            bound = ", as far as is allowed" if FACTOR * differs > most else ""
            raised[name] = replace(
                limit,
                value=min(FACTOR * differs, most),
                how=f"{FACTOR:g} times the {differs:.2g} by which another number of threads "
                f"changes the reference{bound}",
            )
    return raised


def beyond_bounds(
    limits: Mapping[str, Tolerance], rounding: Mapping[str, float | None], expected: Outputs
) -> list[str]:
    """List the outputs whose rounding alone is more than any tolerance allows, one line each."""
    return [
        f"another number of threads alone changes '{name}' by {differs:.2g}, more than the "
        f"{_most(limit, expected, name):.2g} that may pass as rounding"
        for name, limit in limits.items()
        if (differs := rounding.get(name) or 0.0) > _most(limit, expected, name)
    ]


def _most(limit: Tolerance, expected: Outputs, name: str) -> float:
    """The largest tolerance that an output may have for its rounding."""
    if kind_of(expected[name].dtype) not in ("float", "complex"):
        return limit.value
    share = MOST_SHARE * (spread(expected[name]) or 0.0)
    return max(limit.value, min(MOST_TIMES * limit.value, share))
