"""Find the precision of an ONNX graph: its floating-point types and its quantised values."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...errors import DamagedError
from ...tensors.precision import (
    OutputSteps,
    Precision,
    Quantisation,
    bits_of,
    coarsest,
    precision_from,
)
from ..last_steps import QUANTISED, SAME, SIGMOID, SOFTMAX, Producer, last_steps
from ..protobuf import Message

# Numbers of fields, as in onnx.proto.
_INPUTS, _OUTPUTS, _OP_TYPE, _ATTRIBUTES = 1, 2, 4, 5
_A_NAME, _A_INTEGER, _A_TENSOR, _A_SUBGRAPH, _A_SUBGRAPHS = 1, 3, 5, 6, 11
_DIMS, _DTYPE, _FLOATS, _INTEGERS, _RAW, _NAME = 1, 2, 4, 5, 9, 8
_NODES, _INITIALIZERS = 1, 5
_FLOAT = {"float16", "bfloat16", "float32", "float64"}
_LARGEST = 1 << 20  # bytes of a scale that is read
_DEEPEST = 64

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


@dataclass
class _Graph:
    """A graph, in lists that need no further parsing.

    Attributes:
        nodes: nodes that outputs depend on.
        constants: tensors by name.
        types: types of the inputs, by name.
        outputs: names of the outputs.
    """

    nodes: list[_Node]
    constants: Mapping[str, Message]
    types: Mapping[str, str]
    outputs: list[str]
    consumers: dict[str, list[_Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes:
            for name in node.inputs:
                self.consumers.setdefault(name, []).append(node)

    def dtype(self, name: str) -> str:
        """The type of a constant or an input; "" if it is neither."""
        return self.types.get(name, "")


@dataclass(frozen=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    message: Message

    def attribute(self, name: str) -> int | None:
        """An attribute that is a whole number; None if it is missing."""
        for attribute in self.message.messages(_ATTRIBUTES):
            if attribute.string(_A_NAME) == name:
                return attribute.integer(_A_INTEGER)
        return None

    def input(self, index: int) -> str:
        """The name of an input; "" if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""


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
    every = _read(graph, functions, inputs, outputs, dtypes)
    return precision_from(*_floats(every, dtypes), _quantisation(every))


def _read(
    graph: Message,
    functions: list[list[Message]],
    inputs: Mapping[str, str],
    outputs: list[str],
    dtypes: Mapping[int, tuple[str, int]],
) -> _Graph:
    constants: dict[str, Message] = {}
    nodes = _live(list(_nodes(graph, constants, _DEEPEST)), outputs)
    for body in functions:
        nodes += map(_node, body)
    for node in nodes:
        if node.kind == "Constant":
            for attribute in node.message.messages(_ATTRIBUTES):
                if _A_TENSOR in attribute and node.outputs:
                    constants[node.outputs[0]] = attribute.message(_A_TENSOR)
    types = {
        name: dtypes.get(tensor.enumeration(_DTYPE), ("", 0))[0]
        for name, tensor in constants.items()
    }
    return _Graph(nodes, constants, {**inputs, **types}, outputs)


def _nodes(graph: Message, constants: dict[str, Message], depth: int) -> Iterator[_Node]:
    """Nodes of a graph; a node that holds graphs also takes what these take."""
    if depth == 0:
        raise DamagedError(f"graphs in graphs, more than {_DEEPEST} deep")
    for tensor in graph.messages(_INITIALIZERS):
        constants[tensor.string(_NAME)] = tensor
    for message in graph.messages(_NODES):
        node = _node(message)
        inner: list[_Node] = []
        for attribute in message.messages(_ATTRIBUTES):
            for part in (*attribute.messages(_A_SUBGRAPH), *attribute.messages(_A_SUBGRAPHS)):
                inner += _nodes(part, constants, depth - 1)
        yield from inner
        taken = tuple(
            name for inner_node in inner for name in (*inner_node.inputs, *inner_node.outputs)
        )
        yield _Node(node.kind, (*node.inputs, *taken), node.outputs, message)


def _node(message: Message) -> _Node:
    return _Node(
        message.string(_OP_TYPE),
        tuple(message.strings(_INPUTS)),
        tuple(message.strings(_OUTPUTS)),
        message,
    )


def _live(nodes: list[_Node], outputs: list[str]) -> list[_Node]:
    """The nodes that the outputs depend on: what is calculated in vain has no precision."""
    wanted, live = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            live.append(node)
    return live[::-1]


def _floats(graph: _Graph, dtypes: Mapping[int, tuple[str, int]]) -> tuple[set[str], set[str]]:
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


def _is_step(name: str, graph: _Graph) -> bool:
    """Whether a constant is the step of quantised values only."""
    kinds = ("DequantizeLinear", "QuantizeLinear")
    return all(
        node.kind in kinds and node.input(1) == name and node.input(0) != name
        for node in graph.consumers[name]
    )


def _quantisation(graph: _Graph) -> Quantisation | None:
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


def _quantised_type(node: _Node, graph: _Graph) -> str:
    """The type that QuantizeLinear gives: that of its zero point, or uint8."""
    return graph.dtype(node.input(2)) or "uint8"


def _outputs(graph: _Graph) -> dict[str, OutputSteps]:
    producers: dict[str, Producer] = {}
    for node in graph.nodes:
        for output in node.outputs[:1] if node.kind != "Split" else node.outputs:
            producers.update(_producers(node, output, graph))
    steps = {name: last_steps(name, producers) for name in graph.outputs}
    return {name: output_steps for name, output_steps in steps.items() if output_steps}


def _producers(node: _Node, output: str, graph: _Graph) -> dict[str, Producer]:
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


def _quantised(source: str, step: str, zero: str, graph: _Graph) -> Producer | None:
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
