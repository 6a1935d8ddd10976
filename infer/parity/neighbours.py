"""Outputs of a sample that depend on the other samples of its call.

Batch normalization by the statistics of the call is an example, or a scale that is taken from the
largest value of the call, as dynamic quantization has it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .tolerance import Tolerance


def dependent_outputs(
    limits: Mapping[str, Tolerance],
    differences: Mapping[str, float | None],
    axes: Mapping[str, tuple[int, ...]],
) -> dict[str, float | None]:
    """List the outputs that other samples in the call change by more than rounding does.

    Args:
        limits: how far an output may differ by rounding, by output.
        differences: largest difference of the same samples in two calls, by output; None if they
            cannot be told apart, or if only one of two values is finite.
        axes: axes that follow the samples, by output. What has none belongs to the whole call.

    Returns:
        The difference, by output.
    """
    return {
        name: difference
        for name, difference in differences.items()
        if name in limits and axes[name] and (difference is None or difference > limits[name].value)
    }
