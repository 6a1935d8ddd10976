"""What XNNPACK's part of an ExecuTorch program says of itself: its operators and weights.

A flatbuffer again, after a header of its own; numbers of slots are as in ExecuTorch's schema.fbs
for XNNPACK.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass

from exportbench.errors import DamagedError
from exportbench.formats.flatbuffer import Table

_HEADER = b"XH00"  # at byte 4, where a flatbuffer without header has XN00 or XN01
_FLATBUFFERS = (b"XN00", b"XN01")
_NODES, _VALUES, _CONSTANTS = 1, 2, 8
_DATATYPE, _CONSTANT = 0, 3
_QUANTISED = 2
# By number, as NumPy calls them where it has them; quantised ones by their number of bits.
_DTYPES = {
    **{1: "float32", 2: "float16", 3: "int8", 4: "uint8", 5: "int32", 6: "int8", 7: "int32"},
    **{8: "int4", 9: "int8", 10: "int4", 11: "int8", 12: "int32", 13: "float32", 14: "bfloat16"},
}
_OPERATORS = (
    *("nothing", "add", "fully_connected", "softmax", "sigmoid", "transpose", "clamp", "conv2d"),
    *("divide", "resize_bilinear2d", "pad", "avg_pool2d", "minimum", "depthwise_conv2d"),
    *("max_pool2d", "multiply", "subtract", "floor", "convert", "global_avg_pool2d", "reshape"),
    *("argmax_pool2d", "sqrt", "ceiling", "hardswish", "leaky_relu", "maximum", "negate"),
    *("square", "elu", "abs", "prelu", "concat", "concat", "concat", "slice", "attention"),
    *("batch_matmul", "concat", "conv_transpose2d", "rsqrt", "log", "gelu", "tanh", "exp"),
    *("sin", "copy", "cos"),
)


@dataclass(frozen=True)
class Part:
    """What one part holds: how often each operator, and the bytes of weights by dtype."""

    operators: Counter[str]
    weights: Counter[str]


def read(blob: memoryview) -> Part:
    """Read one part.

    Raises:
        DamagedError: it is damaged.
    """
    if bytes(blob[4:8]) == _HEADER:
        if len(blob) < 30:
            raise DamagedError("XNNPACK's part is truncated")
        start, size = struct.unpack_from("<II", blob, 10)
        blob = blob[start : start + size]
    if bytes(blob[4:8]) not in _FLATBUFFERS:
        raise DamagedError("XNNPACK's part is something else")
    graph = Table.root(blob)
    operators: Counter[str] = Counter()
    for node in graph.tables(_NODES):
        kind = node.number(0, "B")
        name = _OPERATORS[kind] if kind < len(_OPERATORS) else f"operator {kind}"
        operators[f"xnnpack::{name}"] += 1
    return Part(operators, _weights(graph))


def _weights(graph: Table) -> Counter[str]:
    sizes = [constant.number(1, "Q") for constant in graph.tables(_CONSTANTS)]
    counts: Counter[str] = Counter()
    seen = {0}  # the number that tensors have which are no constants
    for value in graph.tables(_VALUES):
        tensor = value.table(1)
        if tensor is not None and value.number(0, "B") == _QUANTISED:
            tensor = tensor.table(0)
        if tensor is None:
            continue
        index = tensor.number(_CONSTANT, "I")
        if index in seen:
            continue
        seen.add(index)
        if index >= len(sizes):
            raise DamagedError("a constant of XNNPACK's that is not in the list of constants")
        number = tensor.number(_DATATYPE, "h")
        counts[_DTYPES.get(number, f"type {number}")] += sizes[index]
    return counts
