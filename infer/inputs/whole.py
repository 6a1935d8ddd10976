"""Inputs that every call gets whole, since their first axis does not count samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from ..tensors.matching import plain
from ..tensors.signature import Signature, TensorSpec


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


def later_sample_axes(signature: Signature) -> dict[str, int]:
    """Find inputs whose second axis counts the samples, as of states of recurrent networks.

    Such a state is [layers, n, hidden], where another input has the symbol `n` for its first axis.
    Of a matrix [k, n] it is not known: rows of the other input may be summed over.

    Args:
        signature: signature of an artifact, with its symbols.

    Returns:
        The axis by the name of the input.
    """
    firsts = {spec.sizes[0] for spec in signature.inputs if spec.sizes}
    return {
        spec.name: 1
        for spec in signature.inputs
        if len(spec.sizes) > 2
        and isinstance(spec.sizes[0], int)
        and isinstance(spec.sizes[1], str)
        and spec.sizes[1] in firsts
    }


def with_stated_ranks(
    signature: Signature, stated: Mapping[str, Sequence[int | str | None]]
) -> Signature:
    """Complete inputs of unknown rank by what other artifacts state of inputs of the same name.

    Args:
        signature: signature of an artifact.
        stated: shapes with symbols, by name as `plain` gives it.
    """

    def completed(spec: TensorSpec) -> TensorSpec:
        shape = stated.get(plain(spec.name)) if spec.shape is None else None
        return spec if shape is None else replace(spec, shape=tuple(shape))

    return Signature(tuple(map(completed, signature.inputs)), signature.outputs)


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
