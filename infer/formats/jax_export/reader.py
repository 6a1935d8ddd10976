"""Describe a function serialized by `jax.export`.

The module inside is MLIR bytecode, of which the types are read, not the operators and weights.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import DamagedError
from ...tensors.precision import Precision
from ...tensors.signature import Signature, TensorSpec
from ..description import Description
from ..flatbuffer import Table
from ..map_file import map_file
from .precision import precision_of

# Numbers of slots, as in JAX's serialization.fbs.
_VERSION, _NAME, _IN_TREE, _IN_AVALS, _OUT_TREE, _OUT_AVALS, _DEVICES_16 = range(7)
_PLATFORMS, _CHECKS, _MODULE, _CONVENTION, _VJP, _DEVICES = 9, 12, 13, 14, 17, 18
_UNIQUE_AVALS, _IN_INDEXES, _OUT_INDEXES = 19, 22, 23

MAGIC = b"ML\xefR"  # of MLIR's bytecode
_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128", "bfloat16", "int4", "uint4"),
    *("float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2"),
    *("float8_e5m2fnuz", "float0", "float8_e4m3", "float8_e3m4", "float8_e8m0fnu"),
    *("float4_e2m1fn", "key<fry>", "key<rbg>", "key<unsafe_rbg>"),
)
_LEAF, _NONE, _TUPLE, _LIST, _DICT, _CUSTOM = range(6)
_DEEPEST = 64


def module_of(data: memoryview) -> memoryview | None:
    """Find the MLIR module of a serialized function; None if the bytes are no such function."""
    try:
        module = Table.root(data).data(_MODULE)
    except DamagedError:
        return None
    return module if module[:4] == MAGIC else None


def describe(path: Path) -> Description:
    """Read the header of a serialized function.

    Raises:
        ArtifactError: it is damaged.
    """
    root = Table.root(map_file(path))
    module = root.data(_MODULE)
    producer = re.match(rb"ML\xefR.{1,10}?(StableHLO_v[\d.]+|MLIR[\w.-]*)\x00", module[:80], re.S)
    devices = root.number(_DEVICES, "I") or root.number(_DEVICES_16, "h", 1)
    custom = sorted({part.string(1) for part in root.tables(_CHECKS) if part.string(1)})
    notes = [f"calls {name}, for which JAX promises nothing" for name in custom]
    if root.table(_VJP) is not None:
        notes.append("holds its gradient too")
    signature = Signature(
        _specs(root, _IN_TREE, _IN_AVALS, _IN_INDEXES),
        _specs(root, _OUT_TREE, _OUT_AVALS, _OUT_INDEXES),
    )
    border = {spec.dtype for spec in (*signature.inputs, *signature.outputs)}
    return Description(
        "jax-export",
        f"serialization {root.number(_VERSION, 'H')}, "
        f"calling convention {root.number(_CONVENTION, 'H')}",
        producer[1].decode().replace("_v", " ") if producer else "",
        {"": signature},
        {},
        {},
        executes_code="it may call whatever is registered in the jaxlib that runs it",
        platforms=tuple(root.strings(_PLATFORMS)),
        devices=devices,
        notes=tuple(notes),
        graph_precision=_precision(module, border),
    )


def _precision(module: memoryview, border: set[str]) -> Precision | None:
    """The precision of the module; None if it is written in a way that is not known here."""
    try:
        return precision_of(module, border)
    except DamagedError:
        return None


def _specs(root: Table, tree: int, avals: int, indexes: int) -> tuple[TensorSpec, ...]:
    values = root.tables(avals)
    chosen = root.numbers(indexes, "I")
    if chosen:
        unique = root.tables(_UNIQUE_AVALS)
        if max(chosen) >= len(unique):
            raise DamagedError("a value that is not in the list of values")
        values = [unique[index] for index in chosen]
    structure = root.table(tree)
    paths = list(_paths(structure, _DEEPEST)) if structure else []
    names = leaf_names(paths, "input" if tree == _IN_TREE else "output")
    if len(names) != len(values):
        raise DamagedError(f"{len(values)} values for {len(names)} places")
    return tuple(_spec(name, value) for name, value in zip(names, values, strict=True))


def leaf_names(paths: list[tuple[str | int, ...]], kind: str) -> list[str]:
    """Name the leaves of a pytree.

    Args:
        paths: keys and indexes that lead to each leaf; those of inputs begin with 0 for
            arguments by position and 1 for those by name.
        kind: "input" or "output".

    Returns:
        Keys and indexes joined by dots; `input_0` if there is nothing but an index.
    """
    names = []
    for path in paths:
        keys = path
        if kind == "input":
            keys = path[1:]
        if not keys or isinstance(keys[0], int):
            keys = (f"{kind}_{keys[0] if keys else 0}", *keys[1:])
        names.append(".".join(map(str, keys)))
    return names


def _paths(tree: Table, depth: int) -> list[tuple[str | int, ...]]:
    if depth == 0:
        raise DamagedError(f"a pytree that is more than {_DEEPEST} deep")
    kind = tree.number(0, "b")
    if kind == _LEAF:
        return [()]
    if kind == _NONE:
        return []
    children = tree.tables(1)
    keys: list[str | int] = list(range(len(children)))
    if kind == _DICT:
        keys = list(tree.strings(2))
        if len(keys) != len(children):
            raise DamagedError("a dictionary with more values than keys")
    return [
        (key, *path)
        for key, child in zip(keys, children, strict=True)
        for path in _paths(child, depth - 1)
    ]


def _spec(name: str, value: Table) -> TensorSpec:
    shape = tuple(int(size) if size.isdigit() else size for size in value.strings(1))
    kind = value.number(2, "b")
    known = 0 <= kind < len(_DTYPES)
    return TensorSpec(name, shape, _DTYPES[kind] if known else f"type {kind}")
