"""Shapes and types of the values of an ONNX graph."""

from __future__ import annotations

from ...errors import DamagedError
from ...tensors.signature import TensorSpec
from ..protobuf import Message

_DEEPEST = 64  # types in types
# Name and bits of an element, by number.
ELEMENT_TYPES = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("string", 0),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8e4m3fn", 8),
    18: ("float8e4m3fnuz", 8),
    19: ("float8e5m2", 8),
    20: ("float8e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4e2m1", 4),
    24: ("float8e8m0", 8),
    25: ("uint2", 2),
    26: ("int2", 2),
}


def element_type(number: int) -> tuple[str, int]:
    """Name and bits of an element, by the number of its type; 0 bits if they are not known."""
    return ELEMENT_TYPES.get(number, (f"type {number}", 0))


def spec_of(value: Message) -> TensorSpec:
    """Name, shape and type of an input or output of the graph."""
    return TensorSpec(value.string(1), *_type(value.message(2), _DEEPEST))


def _type(kind: Message, depth: int) -> tuple[tuple[int | str | None, ...] | None, str]:
    """Shape and type of a value; for a value that is not a tensor, its kind in words."""
    if depth == 0:
        raise DamagedError("types in types without end")
    if 4 in kind:
        return None, f"sequence of {_type(kind.message(4).message(1), depth - 1)[1]}"
    if 5 in kind:
        entry = kind.message(5)
        value = _type(entry.message(2), depth - 1)[1]
        return None, f"map of {element_type(entry.integer(1))[0]} to {value}"
    if 9 in kind:
        return None, f"optional {_type(kind.message(9).message(1), depth - 1)[1]}"
    tensor = kind.message(8 if 8 in kind else 1)
    shape = tuple(map(_size, tensor.message(2).messages(1))) if 2 in tensor else None
    return shape, element_type(tensor.integer(1))[0]


def _size(dimension: Message) -> int | str | None:
    if 2 in dimension:
        return dimension.string(2) or None
    return dimension.integer(1) if 1 in dimension else None
