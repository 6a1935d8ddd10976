"""Match the tensors inside two graphs: by name, by value, then by order."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from ...parity.tolerance import tolerances
from ...tensors.dtypes import kind_of, widened
from ...tensors.layouts import layouts
from ...tensors.outputs import Outputs
from .comparing import compare_tensor
from .onnx_tensors import Graph, Tensor
from .tolerance import Limits

Partner = tuple[str, str, tuple[int, ...] | None]


def match_graphs(
    a: Graph, b: Graph, mine: Outputs, theirs: Outputs, tolerance: float | None
) -> dict[str, Partner]:
    """Pair the tensors of one graph with the same tensors of another.

    Tensors with the same name and shape are paired. Others are paired by equal values, and then by
    the same place in the order of operators and shapes.

    Args:
        a, b: the graphs.
        mine, theirs: values of their tensors, by name.
        tolerance: given by the user; None goes by precision.

    Returns:
        By names in `a`: the name in `b`, how it was found ("name", "value" or "order"), and the
        axes that bring its value into the layout of the other; None for as it is.
    """
    names = {tensor.name for tensor in b.tensors}
    partners: dict[str, Partner] = {
        tensor.name: (tensor.name, "name", None)
        for tensor in a.tensors
        if tensor.name in names and mine[tensor.name].shape == theirs[tensor.name].shape
    }
    left = [tensor for tensor in a.tensors if tensor.name not in partners]
    free = [tensor for tensor in b.tensors if tensor.name not in partners]
    partners |= _by_value(left, free, mine, theirs, tolerance)
    taken = {other for other, _, _ in partners.values()}
    left = [tensor for tensor in left if tensor.name not in partners]
    free = [tensor for tensor in free if tensor.name not in taken]
    return partners | _by_order(left, free, mine, theirs)


def _by_value(
    left: Sequence[Tensor],
    free: Sequence[Tensor],
    mine: Outputs,
    theirs: Outputs,
    tolerance: float | None,
) -> dict[str, Partner]:
    by_size: dict[int, list[Tensor]] = {}
    for tensor in free:
        by_size.setdefault(theirs[tensor.name].size, []).append(tensor)
    ends = {tensor.name: _ends(theirs[tensor.name]) for tensor in free}
    partners: dict[str, Partner] = {}
    for tensor in left:
        array = mine[tensor.name]
        limit = _limit(tensor, array, tolerance)
        for other in by_size.get(array.size, ()):
            # Looked at first, since a graph may have very many tensors of one size.
            if not np.allclose(_ends(array), ends[other.name], rtol=0, atol=limit, equal_nan=True):
                continue
            axes = _same_values(tensor, array, theirs[other.name], tolerance)
            if axes is not None:
                partners[tensor.name] = (other.name, "value", axes or None)
                break
    return partners


def _by_order(
    left: Sequence[Tensor], free: Sequence[Tensor], mine: Outputs, theirs: Outputs
) -> dict[str, Partner]:
    def keys(tensors: Sequence[Tensor], values: Outputs) -> list[tuple[str, tuple[int, ...]]]:
        return [(tensor.operator, values[tensor.name].shape) for tensor in tensors]

    matcher = difflib.SequenceMatcher(None, keys(left, mine), keys(free, theirs), autojunk=False)
    return {
        left[block.a + step].name: (free[block.b + step].name, "order", None)
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    }


def _ends(array: np.ndarray) -> np.ndarray:
    """Smallest and largest value, independent of the layout; zeros for an empty array."""
    if not array.size or kind_of(array.dtype) not in ("float", "int", "bool"):
        return np.zeros(2)
    values = widened(array)
    return np.array([values.min(), values.max()])


def _limit(tensor: Tensor, array: np.ndarray, tolerance: float | None) -> float:
    """The tolerance for a tensor beside one of the coarsest type that is common."""
    known = tolerances({tensor.name: array}, ["bfloat16"], given=tolerance)
    return known[tensor.name].value


def _same_values(
    tensor: Tensor, array: np.ndarray, other: np.ndarray, tolerance: float | None
) -> tuple[int, ...] | None:
    """Find the axes by which another tensor has the same values; empty for unchanged, or None."""
    text = [kind_of(side.dtype) == "text" for side in (array, other)]
    if text[0] != text[1]:
        return None
    for axes in layouts(other.shape, array.shape):
        moved = other if axes is None else other.transpose(axes)
        if (
            moved.shape == array.shape
            and compare_tensor(tensor, "", "value", array, moved, Limits((), tolerance)).passed
        ):
            return axes or ()
    return None
