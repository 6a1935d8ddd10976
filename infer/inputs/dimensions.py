"""Free dimensions of a signature: their sizes, and how `--dim` calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import InputError
from ..tensors.signature import Signature, TensorSpec


def with_sizes(signature: Signature, sizes: Mapping[str, int]) -> Signature:
    """The signature with the free dimensions that the user has set.

    Args:
        signature: of an artifact.
        sizes: by the name of the dimension, or by INPUT.AXIS.
    """

    def with_own(spec: TensorSpec) -> TensorSpec:
        shape = tuple(
            size
            if isinstance(size, int)
            else sizes.get(f"{spec.name}.{axis}", sizes.get(str(size), size))
            for axis, size in enumerate(spec.shape)
        )
        return replace(spec, shape=shape)

    return Signature(
        tuple(map(with_own, signature.inputs)), tuple(map(with_own, signature.outputs))
    )


def dim_name(spec: TensorSpec, axis: int) -> str:
    """How `--dim` calls a free dimension."""
    size = spec.shape[axis] if spec.shape else None
    return str(size) if isinstance(size, str) else f"{spec.name}.{axis}"


def check_names(
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    broadcast: frozenset[str],
    sizes: Mapping[str, int],
) -> None:
    """Check that free dimensions of one name have one size.

    Args:
        signature: of an artifact.
        shapes: of its inputs, by name.
        broadcast: names of inputs whose first dimension is not that of the samples.
        sizes: that the user has set.

    Raises:
        InputError: two sizes differ.
    """
    known: dict[str, tuple[int, str]] = {name: (size, "--dim") for name, size in sizes.items()}
    for spec in signature.inputs:
        for axis, name in enumerate(spec.shape):
            if not isinstance(name, str) or (axis == 0 and spec.name not in broadcast):
                continue
            size = shapes[spec.name][axis]
            before, where = known.setdefault(name, (size, f"'{spec.name}'"))
            if before != size:
                raise InputError(
                    f"the dimension '{name}' is {before} by {where} and {size} in '{spec.name}'"
                )
