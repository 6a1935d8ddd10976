"""Inputs of unknown rank, completed by what other artifacts state of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..tensors.matching import plain
from ..tensors.signature import Signature, TensorSpec


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
