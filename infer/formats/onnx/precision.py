"""Find the precision of an ONNX graph: its floating-point types and its quantised values."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from ...tensors.precision import (
    OutputSteps,
    Precision,
    Quantisation,
    bits_of,
    coarsest,
    precision_from,
)
from ..output_steps import QUANTISED, SAME, SIGMOID, SOFTMAX, Producer, last_steps
from ..protobuf import Message
from .graph import Graph, Node, read_graph

# Numbers of a tensor's fields, as in onnx.proto.
_DIMS, _FLOATS, _INTEGERS, _RAW = 1, 4, 5, 9
_FLOAT = {"float16", "bfloat16", "float32", "float64"}
_LARGEST = 1 << 20  # bytes of a scale that is read

# The input that holds quantised weights, by operator; those of com.microsoft too.
_WEIGHT_INPUTS = {
    "DequantizeLinear": (0,),
    "MatMulInteger": (0, 1),
    "ConvInteger": (1,),
    "QLinearMatMul": (0, 3),
    "QLinearConv": (3,),
    "QGemm": (3,),
    "MatMulIntegerToFloat": (0, 1),
    "DynamicQuantizeMatMul": (1,),
    "DynamicQuantizeLSTM": (1, 2),
    "QAttention": (1,),
    "QEmbedLayerNormalization": (2, 3, 4),
    "MatMulNBits": (1,),
    "MatMulBnb4": (1,),
    "MatMulFpQ4": (1,),
    "GatherBlockQuantized": (0,),
    "QMoE": (2, 5, 8),
}
# Operators whose weights are packed: `bits` is an attribute, 4 where it is missing.
_PACKED = {"MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "GatherBlockQuantized", "QMoE"}
# Operators that find the range of their input in each call.
_DYNAMIC = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
_SAME = {
    *("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Relu", "Clip"),
    *("Slice", "Gather", "Split", "MaxPool", "Pad", "Dropout", "Cast", "QuantizeLinear"),
}
_FUNCTIONS = {
    "Softmax": SOFTMAX,
    "QLinearSoftmax": SOFTMAX,
    "Sigmoid": SIGMOID,
    "QLinearSigmoid": SIGMOID,
}
# Places of the step and the zero point of the output, in operators that give quantised values.
_STEP_OF_OUTPUT = {
    "QLinearMatMul": 6,
    "QLinearConv": 6,
    "QLinearAdd": 6,
    "QLinearMul": 6,
    "QGemm": 7,
    "QLinearSoftmax": 3,
    "QLinearSigmoid": 3,
    "QLinearLeakyRelu": 3,
    "QLinearGlobalAveragePool": 3,
    "QLinearAveragePool": 3,
}


def precision_of(
    graph: Message,
    functions: list[list[Message]],
    inputs: Mapping[str, str],
    outputs: list[str],
    dtypes: Mapping[int, tuple[str, int]],
) -> Precision:
    """Find the precision of a graph.

    Args:
        graph: the main graph; graphs in it are looked at too.
        functions: nodes of the model's own functions.
        inputs: types of the graph's inputs, by name.
        outputs: names of its outputs.
        dtypes: name and bits of each type, by number.
    """
    every = read_graph(graph, functions, inputs, outputs, dtypes)
    return precision_from(*_floats(every, dtypes), _quantisation(every))


def _floats(graph: Graph, dtypes: Mapping[int, tuple[str, int]]) -> tuple[set[str], set[str]]:
    """The types of the arithmetic, and of weights that are only stored.

    A weight that every consumer converts to a finer type first is a matter of the weights alone.
    """
    arithmetic, weights = set(), set()
    for name, kind in graph.types.items():
        if kind not in _FLOAT or name not in graph.consumers:
            continue
        casts = [
            dtypes.get(node.attribute("to") or 0, ("", 0))[0] if node.kind == "Cast" else ""
            for node in graph.consumers[name]
        ]
        if name in graph.constants and all(coarsest([kind, to]) == kind != to for to in casts):
            weights.add(kind)
            arithmetic.update(casts)
        elif not (name in graph.constants and _is_step(name, graph)):
            arithmetic.add(kind)
    for node in graph.nodes:
        if node.kind == "Cast" and node.input(0) not in graph.constants:
            arithmetic.add(dtypes.get(node.attribute("to") or 0, ("", 0))[0])
    return arithmetic, weights


def _is_step(name: str, graph: Graph) -> bool:
    """Whether a constant is the step of quantised values only."""
    kinds = ("DequantizeLinear", "QuantizeLinear")
    return all(
        node.kind in kinds and node.input(1) == name and node.input(0) != name
        for node in graph.consumers[name]
    )


def _quantisation(graph: Graph) -> Quantisation | None:
    weights: dict[str, int] = {}
    activations, bits, dynamic = 0, [], False
    for node in graph.nodes:
        for index in _WEIGHT_INPUTS.get(node.kind, ()):
            name = node.input(index)
            tensor = graph.constants.get(name)
            if tensor is None or len(tensor.integers(_DIMS)) < 2:
                continue
            known = bits_of(graph.dtype(name))
            if node.kind in _PACKED:
                known = node.attribute("bits") or 4
            if known:
                weights[name] = known
        if node.kind == "QuantizeLinear" and node.input(0) in graph.constants:
            if len(graph.constants[node.input(0)].integers(_DIMS)) > 1:
                weights[node.input(0)] = bits_of(_quantised_type(node, graph)) or 8
        elif node.kind in _DYNAMIC:
            activations, dynamic = activations + 1, True
            bits.append(8)
        elif node.kind == "QuantizeLinear" or node.kind in _STEP_OF_OUTPUT:
            activations += 1
            place = _STEP_OF_OUTPUT.get(node.kind)
            zero = node.input(place + 1) if place else ""
            kind = graph.dtype(zero) if place else _quantised_type(node, graph)
            bits.append(bits_of(kind) or 8)
    if not weights and not activations:
        return None
    return Quantisation(
        len(weights),
        min(weights.values(), default=8),
        activations,
        min(bits, default=8),
        dynamic,
        _outputs(graph),
    )


def _quantised_type(node: Node, graph: Graph) -> str:
    """The type that QuantizeLinear gives: that of its zero point, or uint8."""
    return graph.dtype(node.input(2)) or "uint8"


def _outputs(graph: Graph) -> dict[str, OutputSteps]:
    producers: dict[str, Producer] = {}
    for node in graph.nodes:
        for output in node.outputs[:1] if node.kind != "Split" else node.outputs:
            producers.update(_producers(node, output, graph))
    steps = {name: last_steps(name, producers) for name in graph.outputs}
    return {name: output_steps for name, output_steps in steps.items() if output_steps}


def _producers(node: Node, output: str, graph: Graph) -> dict[str, Producer]:
    if node.kind == "DequantizeLinear" and node.input(0) not in graph.constants:
        made = _quantised(node.input(0), node.input(1), node.input(2), graph)
        return {output: made} if made else {}
    place = _STEP_OF_OUTPUT.get(node.kind)
    if place is None:
        if node.kind in _SAME:
            return {output: Producer(SAME, node.input(0))}
        if node.kind in _FUNCTIONS:
            return {output: Producer(_FUNCTIONS[node.kind], node.input(0))}
        return {}
    # Quantised values in, quantised values out: the function is between the two steps.
    function = _FUNCTIONS.get(node.kind)
    if function is None:
        return {}
    inner = _quantised(node.input(0), node.input(1), node.input(2), graph)
    between = f"{output} before"
    return {output: Producer(function, between)} | ({between: inner} if inner else {})


def _quantised(source: str, step: str, zero: str, graph: Graph) -> Producer | None:
    """A value of these steps; None if they are no constants."""
    if step not in graph.constants:
        return None
    steps = numbers(graph.constants[step], graph.dtype(step))
    if not steps or not all(map(math.isfinite, steps)):
        return None
    largest = max(map(abs, steps))
    dtype = graph.dtype(zero) or "uint8"
    zeros = numbers(graph.constants[zero], dtype) if zero in graph.constants else [0.0]
    bits = bits_of(dtype)
    if not dtype.startswith(("int", "uint")) or bits is None or len(steps) > 1 or len(zeros) != 1:
        return Producer(QUANTISED, source, largest)
    least = 0 if dtype.startswith("u") else -(1 << (bits - 1))
    low, high = least - zeros[0], least + (1 << bits) - 1 - zeros[0]
    return Producer(QUANTISED, source, largest, low * largest, high * largest)


def numbers(tensor: Message, dtype: str) -> list[float]:
    """The values of a small tensor; empty if they lie in another file, or are of another type."""
    kinds = {
        "float32": "f",
        "float16": "e",
        "float64": "d",
        "uint8": "B",
        "int8": "b",
        "uint16": "H",
        "int16": "h",
    }
    if _RAW in tensor and dtype in kinds:
        raw = bytes(b"".join(tensor.raw(_RAW)))
        size = struct.calcsize(kinds[dtype])
        if len(raw) > _LARGEST or len(raw) % size:
            return []
        return [float(value) for (value,) in struct.iter_unpack(f"<{kinds[dtype]}", raw)]
    if dtype == "float32" and _FLOATS in tensor:
        return [float(value) for value in tensor.floats(_FLOATS)]
    if dtype in kinds and _INTEGERS in tensor and dtype != "float32":
        values = tensor.integers(_INTEGERS)
        if dtype == "float16":
            return [float(struct.unpack("<e", struct.pack("<H", v & 0xFFFF))[0]) for v in values]
        return [float(value) for value in values]
    return []
