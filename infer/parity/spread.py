"""How far the outputs of different samples lie apart, to see what a tolerance is worth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..tensors.chunks import sample_chunks
from ..tensors.differences import finite
from ..tensors.dtypes import kind_of, widened
from ..tensors.outputs import Outputs
from .tolerance import Tolerance

# A tolerance above this share of the spread hides differences between samples.
DOUBTFUL_SHARE = 0.1


def spread(array: np.ndarray) -> float | None:
    """The largest range of a value over the samples; over all values if there is one sample.

    Args:
        array: an output, N x anything.

    Returns:
        None if it holds no numbers, or no two finite ones.
    """
    if kind_of(array.dtype) not in ("float", "int", "complex") or array.size < 2:
        return None
    if not array.ndim or len(array) < 2:
        array = array.reshape(-1)
    highest, lowest = np.array(-np.inf), np.array(np.inf)
    for (chunk,) in sample_chunks(array):
        values, usable = widened(chunk), finite(chunk)
        parts = np.stack([values.real, values.imag]) if np.iscomplexobj(values) else values[None]
        # The first axis is that of the parts of complex numbers, the second that of the samples.
        highest = np.maximum(highest, np.max(parts, 1, initial=-np.inf, where=usable[None]))
        lowest = np.minimum(lowest, np.min(parts, 1, initial=np.inf, where=usable[None]))
    largest = float(np.max(highest - lowest, initial=-np.inf))
    return largest if largest >= 0 else None


def wide_tolerances(expected: Outputs, limits: Mapping[str, Tolerance]) -> list[str]:
    """List the tolerances that are large against the spread of the outputs, one line each.

    Args:
        expected: outputs of the reference.
        limits: tolerance by output.
    """
    lines = []
    for name, array in expected.items():
        error = limits[name].expected
        if error is not None:  # its bound is a share of the spread (quantised_tolerance.py)
            if error.is_coarse:
                lines.append(
                    f"'{name}' is rounded to steps of {error.output_step:.2g}, and the reference "
                    f"varies by {error.spread:.2g} only"
                )
            continue
        apart = spread(array)
        # Outputs that do not vary are a doubt of their own (uninformative_outputs.py).
        if apart and limits[name].value > DOUBTFUL_SHARE * apart:
            lines.append(
                f"the tolerance of '{name}' is {limits[name].value:.2g}, and its values lie only "
                f"{apart:.2g} apart"
            )
    return lines
