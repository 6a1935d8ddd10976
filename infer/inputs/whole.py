"""Inputs that every call gets whole, since their first axis does not count samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

from ..tensors.signature import Signature
from .samples import later_sample_axes


def whole_inputs(
    signature: Signature, named: Collection[str], taken: Mapping[str, str] | None = None
) -> frozenset[str]:
    """Find the inputs that the user names, or whose signature says that they are whole.

    A symbol that stands for a first axis and for another one, as in `[n, n]`, counts no samples:
    half of the rows would leave a matrix that is not square.

    Args:
        signature: signature of an artifact, with its symbols.
        named: names of whole inputs, or of the arrays that they are taken from.
        taken: name of the array that an input is taken from, by input.
    """
    taken = taken or {}
    later = later_sample_axes(signature)
    tied = {
        size
        for spec in signature.inputs
        for axis, size in enumerate(spec.sizes)
        if axis and isinstance(size, str) and later.get(spec.name) != axis
    }
    return frozenset(
        spec.name
        for spec in signature.inputs
        if spec.name in named
        or taken.get(spec.name) in named
        or (spec.sizes and spec.sizes[0] in tied)
    )


def are_unrelated(signature: Signature, lengths: Mapping[str, int]) -> bool:
    """Whether the signature says that inputs of different lengths do not count the same thing.

    Args:
        signature: signature of an artifact, with its symbols.
        lengths: lengths of the first axes, by input.
    """
    symbols = {
        spec.name: spec.sizes[0] if spec.sizes else None
        for spec in signature.inputs
        if spec.name in lengths
    }
    return all(isinstance(symbol, str) for symbol in symbols.values()) and all(
        symbols[a] != symbols[b] for a, b in combinations(lengths, 2) if lengths[a] != lengths[b]
    )
