"""The signature of a function that was serialized by `jax.export`, and the limits of its sizes."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from ..formats.jax_export.reader import leaf_names
from ..tensors.signature import Signature, TensorSpec
from ..tensors.size_limits import ANY_SIZE, SizeLimits


def signature_of(exported: export.Exported) -> Signature:
    """Name the inputs and outputs of a function by their places in its arguments and results."""
    return Signature(
        _specs(exported.in_tree, exported.in_avals, "input"),
        _specs(exported.out_tree, exported.out_avals, "output"),
    )


def symbol_limits(module: bytes) -> dict[str, SizeLimits]:
    """Find the limits of symbols that a program checks in its calls.

    The constraints are not among what is serialized of a function. They are left in the messages
    of the assertions that `jax.export` puts into its program.
    """
    limits_by_symbol: dict[str, SizeLimits] = {}
    for text in re.findall(rb"symbolic shape constraint ([^.\n]{1,100})\.", module):
        constraint = text.decode("ascii", "replace")
        if match := re.fullmatch(r"(\w+) (<=|>=|==) (\d{1,9})", constraint, re.ASCII):
            size = int(match[3])
            limits = {
                "<=": SizeLimits(most=size),
                ">=": SizeLimits(least=size),
                "==": SizeLimits.fixed(size),
            }[match[2]]
        elif match := re.fullmatch(r"mod\((\w+), (\d{1,9})\) == 0", constraint, re.ASCII):
            limits = SizeLimits(multiple=int(match[2]))
        else:
            continue
        limits_by_symbol[match[1]] = limits_by_symbol.get(match[1], ANY_SIZE).within(limits)
    return limits_by_symbol


def _specs(tree: Any, values: Any, kind: str) -> tuple[TensorSpec, ...]:
    structure = jax.tree.unflatten(tree, range(len(values)))
    paths = [
        tuple(map(_key, path)) for path, _ in jax.tree_util.tree_flatten_with_path(structure)[0]
    ]
    names = leaf_names(paths, kind)
    return tuple(_spec(name, value) for name, value in zip(names, values, strict=True))


def _key(entry: Any) -> str | int:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            key: str | int = getattr(entry, attribute)
            return key
    return str(entry)


def _spec(name: str, value: Any) -> TensorSpec:
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        raise NotImplementedError(f"'{name}' is of type {value.dtype}, which holds no numbers")
    shape = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
    return TensorSpec(name, shape, str(value.dtype))
