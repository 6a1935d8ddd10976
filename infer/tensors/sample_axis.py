"""Which axis of an output counts the samples.

A length that equals the number of samples proves nothing: it may be a number of time steps, of
channels or of boxes that were found. An axis is known to be that of the samples if it follows their
number in calls of different sizes, or their order in two calls with the same samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .differences import differences

Shape = tuple[int, ...]

# Samples that changed places explain a change of the outputs if they leave this share of it.
_UNEXPLAINED = 0.1


def following_axes(shapes: Sequence[Shape], samples: Sequence[int]) -> list[int]:
    """List the axes whose size is the number of samples in every call.

    Args:
        shapes: shape of the output in each call.
        samples: number of samples in each call.
    """
    if len({len(shape) for shape in shapes}) != 1:
        return []
    return [
        axis
        for axis in range(len(shapes[0]))
        if all(shape[axis] == count for shape, count in zip(shapes, samples, strict=True))
    ]


def permuted_axes(output: np.ndarray, permuted: np.ndarray, order: np.ndarray) -> list[int]:
    """List the axes along which an output changed its order as the samples did.

    Args:
        output: output of a call.
        permuted: output of a call with the same samples in another order.
        order: for each place in the second call, the place of its sample in the first.
    """
    if output.shape != permuted.shape:
        return []
    changed = _largest(output, permuted)
    if not changed:
        return []
    return [
        axis
        for axis, size in enumerate(output.shape)
        if size == len(order)
        and _largest(output.take(order, axis), permuted) <= _UNEXPLAINED * changed
    ]


def difference_of_samples(a: np.ndarray, b: np.ndarray, axis: int) -> float | None:
    """Compute the largest absolute difference of the samples that two outputs share.

    Args:
        a, b: the outputs of two calls that begin with the same samples.
        axis: the axis of the samples in both.

    Returns:
        None if the other sizes differ, or if only one of two values is finite.
    """
    shared = np.arange(min(a.shape[axis], b.shape[axis]))
    a, b = a.take(shared, axis), b.take(shared, axis)
    largest = _largest(a, b) if a.shape == b.shape else np.inf
    return largest if np.isfinite(largest) else None


def _largest(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference; infinite if only one of two values is finite."""
    largest = float(differences(a, b).max(initial=0.0))
    return largest if np.isfinite(largest) else np.inf
