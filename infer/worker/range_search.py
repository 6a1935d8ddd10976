"""Find whether made-up whole numbers are too large for an artifact, after a call has failed.

Whole numbers may be indices of a table. Which of them a call takes is found by calls with constant
numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from .messages import FindRanges
from .prepared_model import PreparedModel
from .responses import FindRangesResponse


def find_ranges(prepared: PreparedModel, request: FindRanges) -> FindRangesResponse:
    """Find the ranges of whole numbers that calls take, where they are narrower than the drawn.

    It is called in a process of its own, since calls may change a state.
    """
    deadline = time.monotonic() + request.patience_s
    inputs = prepared.batches(request.batch).full(0)
    whole = [name for name, array in inputs.items() if array.dtype.kind in "iu" and array.size]
    zeros = {name: np.zeros_like(inputs[name]) for name in whole}

    def works(constants: Mapping[str, int]) -> bool:
        """Whether a call succeeds with constant numbers for these inputs, and 0 for others."""
        constant = {name: np.full_like(inputs[name], n) for name, n in constants.items()}
        try:
            prepared.model.run(inputs | zeros | constant)
        except Exception:  # whatever a runtime raises
            return False
        return True

    ranges: dict[str, list[int]] = {}
    if not whole or not works({}):
        return {"ranges": ranges}
    for name in whole:
        least, most = int(inputs[name].min()), int(inputs[name].max())
        low, high = (
            _furthest(lambda n, name=name: works({name: n}), end, deadline)  # type: ignore[misc]
            for end in (min(least, 0), max(most, 0))
        )
        if low > least or high < most:
            ranges[name] = [low, high]
    return {"ranges": ranges}


def _furthest(works: Callable[[int], bool], end: int, deadline: float) -> int:
    """The number furthest from 0, towards `end`, that a call takes; it takes 0."""
    if end == 0 or works(end):
        return end
    inside, outside = 0, end
    while abs(outside - inside) > 1 and time.monotonic() < deadline:
        middle = (inside + outside) // 2 if end > 0 else -((-inside - outside) // 2)
        if works(middle):
            inside = middle
        else:
            outside = middle
    return inside
