"""Steps that only add information: what they raise is noted, and ends nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def best_effort(
    step: Callable[[], Value], otherwise: Value, failed: Callable[[Exception], object]
) -> Value:
    """Return the result of a step, or another value if it raises.

    For what is shown beside the results and decides nothing: operation counts, peak rates,
    pictures, notices. Ctrl-C is passed on.

    Args:
        step: the step.
        otherwise: value to return if it raises.
        failed: called with the exception.
    """
    try:
        return step()
    except Exception as error:  # whatever it is, the results do not depend on the step
        failed(error)
        return otherwise
