"""Which axis of an output counts the samples.

A length that equals the number of samples proves nothing: it may be a number of time steps, of
channels or of boxes that were found. An axis is known to be that of the samples if it follows their
number in calls of different sizes, or their order in two calls with the same samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .differences import differences
from .dtypes import kind_of, widened
from .outputs import SampleAxis, SavedOutput, SavedOutputs, Shape
from .signature import Signature
from .text import as_bytes

# Samples that changed places explain a change of the outputs if they leave this share of it.
_UNEXPLAINED = 0.1


def sample_axes(
    outputs: SavedOutputs,
    signatures: Sequence[Signature],
    followed: Mapping[str, Sequence[int]],
    *,
    other_size: bool,
) -> dict[str, SampleAxis]:
    """Decide which axis of each output is that of the samples.

    Args:
        outputs: outputs of a pass over the samples.
        signatures: signatures that are stated for the artifact, the most reliable last.
        followed: axes that followed the samples in one more call, by output.
        other_size: whether that call had another number of samples, not another order.
    """
    stated: dict[str, int] = {}
    for signature in signatures:
        stated |= stated_axes(signature)
    return {
        name: sample_axis(
            output, followed.get(name), other_size=other_size, stated=stated.get(name)
        )
        for name, output in outputs.items()
    }


def sample_axis(
    output: SavedOutput,
    followed: Sequence[int] | None,
    *,
    other_size: bool = False,
    stated: int | None = None,
) -> SampleAxis:
    """Decide which axis of an output is that of the samples.

    Args:
        output: the output in a pass over the samples.
        followed: axes that followed the samples in one more call; None if there was none.
        other_size: whether that call had another number of samples, not another order.
        stated: axis that the signature or the manifest states.
    """
    sizes = [len(call.rows) for call in output.calls]
    following = following_axes(output.shapes, sizes)
    is_shown = (followed is not None and other_size) or len(set(sizes)) > 1 or bool(followed)
    if is_shown:
        axes = following if followed is None else [a for a in following if a in followed]
        if stated in axes:
            axes = [stated]
        return SampleAxis(_joinable(output, axes[0]) if len(axes) == 1 else None, settled=True)
    if stated in following:
        return SampleAxis(_joinable(output, stated), settled=True)
    # The call is the sample: any axis of one can be that of the samples.
    single = following if output.is_single else []
    return SampleAxis(_joinable(output, single[0]) if single else None)


def _joinable(output: SavedOutput, axis: int) -> int | None:
    """The axis, if the calls can be joined along it: all other sizes are the same."""
    rest = {shape[:axis] + shape[axis + 1 :] for shape in output.shapes}
    return axis if len(rest) == 1 else None


def stated_axes(signature: Signature) -> dict[str, int]:
    """Find the axes of samples that a signature states, by output.

    These have the name that the first dimensions of its inputs have, if that is one name.
    """
    names = {spec.sizes[0] for spec in signature.inputs if spec.sizes}
    names = {name for name in names if isinstance(name, str)}
    if len(names) != 1:
        return {}
    return {
        spec.name: spec.sizes.index(name)
        for name in names
        for spec in signature.outputs
        if spec.sizes.count(name) == 1
    }


def taking_axis(output: SavedOutput, other: SavedOutput) -> SavedOutput:
    """Take the axis of samples from another artifact's output, where the output leaves it open.

    Returns:
        The output with that axis, if the shape of a sample is then the other's; else unchanged.
    """
    if output.sample_axis.settled or not other.has_samples:
        return output
    sizes = [len(call.rows) for call in output.calls]
    candidates = following_axes(output.shapes, sizes)
    if other.axis in candidates:  # preferably the same
        candidates.insert(0, other.axis)
    tried = [output.with_axis(axis) for axis in candidates if _joinable(output, axis) is not None]
    if output.is_single:
        tried = [output, *tried, output.with_axis(None)]
    wanted = other.shape[1:]
    return next(
        (variant for variant in tried if variant.has_samples and variant.shape[1:] == wanted),
        output,
    )


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


def difference_of_samples(
    a: np.ndarray, b: np.ndarray, axis: int, *, in_any_order: bool = False
) -> float | None:
    """Compute the largest absolute difference of the samples that two outputs share.

    Args:
        a, b: the outputs of two calls that begin with the same samples.
        axis: the axis of the samples in both.
        in_any_order: whether the rows of a sample may come in another order. Then each column is
            sorted: sorted values differ by no more than those of any pairs of rows.

    Returns:
        None if the other sizes differ, or if only one of two values is finite.
    """
    shared = np.arange(min(a.shape[axis], b.shape[axis]))
    a, b = a.take(shared, axis), b.take(shared, axis)
    if in_any_order:
        a, b = (_sorted_rows(np.moveaxis(side, axis, 0)) for side in (a, b))
    largest = _largest(a, b) if a.shape == b.shape else np.inf
    return largest if np.isfinite(largest) else None


def _sorted_rows(samples: np.ndarray) -> np.ndarray:
    """Samples x rows x anything with each column in the order of its values."""
    if samples.ndim < 2:
        return samples
    is_text = kind_of(samples.dtype) == "text"
    return np.sort(as_bytes(samples) if is_text else widened(samples), axis=1)


def _largest(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference; infinite if only one of two values is finite."""
    largest = float(differences(a, b).max(initial=0.0))
    return largest if np.isfinite(largest) else np.inf
