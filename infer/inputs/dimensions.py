"""Free dimensions of a signature: their sizes, and their names in `--dim`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import InputError
from ..tensors.signature import Signature, TensorSpec


def with_sizes(signature: Signature, sizes: Mapping[str, int]) -> Signature:
    """Return the signature with the sizes of free dimensions that the user has set.

    Args:
        signature: signature of an artifact.
        sizes: sizes by the name of the dimension, or by INPUT.AXIS.
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
    """Name of a free dimension in `--dim`."""
    size = spec.shape[axis] if spec.shape else None
    return str(size) if isinstance(size, str) else f"{spec.name}.{axis}"


def check_names(
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    broadcast: frozenset[str],
    sizes: Mapping[str, int],
) -> None:
    """Check that free dimensions of the same name have the same size.

    Args:
        signature: signature of an artifact.
        shapes: shapes of its inputs, by name.
        broadcast: names of inputs whose first dimension does not count samples.
        sizes: sizes that the user has set.

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
