"""CUDA graphs of a PyTorch module: the kernels of a call, recorded once and launched together.

A graph reads and writes the memory that it was recorded with. So the tensors of a call are copied
into those that it was recorded with, and its results are copied out before the next call changes
them (docs.pytorch.org, "CUDA Graphs": constraints, "whole-network capture").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree

# Calls before recording, on a stream of their own: libraries allocate and choose their algorithms.
_WARM_UP = 3


class Graphed:
    """A module as graphs: one for each combination of shapes, types and other values."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._recorded: dict[tuple[Any, ...], _Recorded] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call with these arguments, recording first if they are the first of their kind."""
        given, structure = _pytree.tree_flatten((args, kwargs))
        key = (str(structure), *map(_kind, given))
        recorded = self._recorded.get(key)
        if recorded is None:
            recorded = self._recorded[key] = _Recorded(self._call, given, structure)
        return recorded(given)


class _Recorded:
    """The graph of one call."""

    def __init__(self, call: Callable[..., Any], given: list[Any], structure: Any) -> None:
        self._inputs = [v.clone() if isinstance(v, torch.Tensor) else v for v in given]
        args, kwargs = _pytree.tree_unflatten(self._inputs, structure)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                call(*args, **kwargs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            result = call(*args, **kwargs)
        self._outputs, self._structure = _pytree.tree_flatten(result)

    def __call__(self, given: list[Any]) -> Any:
        for kept, value in zip(self._inputs, given, strict=True):
            if isinstance(value, torch.Tensor):
                kept.copy_(value)
        self._graph.replay()
        outputs = [v.clone() if isinstance(v, torch.Tensor) else v for v in self._outputs]
        return _pytree.tree_unflatten(outputs, self._structure)


def _kind(value: Any) -> Any:
    """What a graph is recorded for: shape, strides and type of a tensor, or the value itself."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.stride(), value.dtype
    return value
