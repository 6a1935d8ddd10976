"""Find the precision of a LiteRT graph: its floating-point types and its quantised values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...tensors.precision import OutputSteps, Precision, Quantisation, bits_of, precision_from
from ..needed import needed
from ..output_steps import QUANTISED, SAME, SIGMOID, SOFTMAX, Producer, last_steps

_FLOAT = {"float16", "bfloat16", "float32", "float64"}
_SAME = {
    *("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "SLICE"),
    *("STRIDED_SLICE", "GATHER", "SPLIT", "RELU", "RELU6", "MAX_POOL_2D", "PAD", "CAST"),
}
_FUNCTIONS = {"SOFTMAX": SOFTMAX, "LOGISTIC": SIGMOID}
# Operators that take weights of 8 bits and values of float32, and find the range of these in each
# call ("LiteRT 8-bit quantization", dynamic range quantization).
_HYBRID = {
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE_CONV"),
    *("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "RNN", "SVDF"),
    *("UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN"),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a graph.

    Attributes:
        dtype: its type.
        rank: number of its dimensions.
        constant: whether the file holds its values.
        scales: steps of quantised values, one or one for each channel; empty for others.
        zero: the first zero point.
    """

    dtype: str
    rank: int
    constant: bool
    scales: tuple[float, ...]
    zero: int

    @property
    def is_quantised(self) -> bool:
        """Whether its values stand for others, in steps."""
        return bool(self.scales) and self.scales[0] > 0 and bits_of(self.dtype) is not None


@dataclass(frozen=True)
class Operator:
    """An operator: its name, and the numbers of its tensors; -1 for one that is left out."""

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]


@dataclass(frozen=True)
class Graph:
    """A graph: its tensors, its operators, and the numbers of its outputs by their names."""

    tensors: Sequence[Tensor]
    operators: Sequence[Operator]
    outputs: Mapping[str, int]


def precision_of(graphs: Sequence[Graph]) -> Precision:
    """Find the precision of all graphs of a file."""
    arithmetic: set[str] = set()
    weights: set[str] = set()
    quantised: dict[tuple[int, int], int] = {}
    bits: dict[tuple[int, int], int] = {}
    dynamic = 0
    outputs: dict[str, OutputSteps] = {}
    for number, graph in enumerate(graphs):
        for operator in _needed(graph):
            taken = [index for index in operator.inputs if 0 <= index < len(graph.tensors)]
            used = [graph.tensors[index] for index in taken]
            for index, tensor in zip(taken, used, strict=True):
                if tensor.constant and tensor.is_quantised and tensor.rank > 1:
                    quantised[number, index] = bits_of(tensor.dtype) or 8
                elif tensor.constant and operator.kind == "DEQUANTIZE" and tensor.dtype in _FLOAT:
                    weights.add(tensor.dtype)
                elif not tensor.is_quantised:
                    arithmetic.add(tensor.dtype)
                elif not tensor.constant:
                    bits[number, index] = bits_of(tensor.dtype) or 8
            arithmetic.update(_given(operator, graph))
            dynamic += _finds_ranges(operator, used)
        for name, index in graph.outputs.items():
            if 0 <= index < len(graph.tensors) and graph.tensors[index].is_quantised:
                bits[number, index] = bits_of(graph.tensors[index].dtype) or 8
            steps = last_steps(str(index), _producers(graph))
            if steps:
                outputs[name] = steps
    quantisation = None
    if quantised or bits or dynamic:
        quantisation = Quantisation(
            len(quantised),
            min(quantised.values(), default=8),
            len(bits) + dynamic,
            min([*bits.values(), *([8] if dynamic else [])], default=8),
            bool(dynamic),
            outputs,
        )
    return precision_from(arithmetic, weights, quantisation)


def _needed(graph: Graph) -> list[Operator]:
    """The operators that the outputs depend on, or a state, which what gives nothing may set."""
    operators = [(map(str, one.inputs), map(str, one.outputs)) for one in graph.operators]
    setters = [str(i) for one in graph.operators if not one.outputs for i in one.inputs]
    places = needed(operators, [*map(str, graph.outputs.values()), *setters])
    return [
        operator
        for place, operator in enumerate(graph.operators)
        if place in places or not operator.outputs
    ]


def _given(operator: Operator, graph: Graph) -> set[str]:
    """Floating-point types of what an operator gives."""
    given = [graph.tensors[i] for i in operator.outputs if 0 <= i < len(graph.tensors)]
    return {tensor.dtype for tensor in given if not tensor.is_quantised}


def _finds_ranges(operator: Operator, used: Sequence[Tensor]) -> bool:
    """Whether an operator rounds its values of float32 to 8 bits, with the range of each call."""
    return (
        operator.kind in _HYBRID
        and bool(used)
        and used[0].dtype == "float32"
        and any(tensor.constant and tensor.is_quantised for tensor in used[1:])
    )


def _producers(graph: Graph) -> dict[str, Producer]:
    producers: dict[str, Producer] = {}
    for operator in graph.operators:
        source = str(operator.inputs[0]) if operator.inputs else ""
        if operator.kind == "SPLIT" and len(operator.inputs) > 1:  # its first input is the axis
            source = str(operator.inputs[1])
        kind = SAME if operator.kind in _SAME else _FUNCTIONS.get(operator.kind)
        for index in operator.outputs:
            if not 0 <= index < len(graph.tensors):
                continue
            tensor, name = graph.tensors[index], str(index)
            if tensor.is_quantised:
                before = f"{name} before"
                producers[name] = _quantised(tensor, before)
                name = before
            if kind:
                producers[name] = Producer(kind, source)
    for index, tensor in enumerate(graph.tensors):
        if tensor.is_quantised and not tensor.constant and str(index) not in producers:
            producers[str(index)] = _quantised(tensor, f"{index} before")  # an input
    return producers


def _quantised(tensor: Tensor, source: str) -> Producer:
    step, bits = max(tensor.scales), bits_of(tensor.dtype) or 8
    least = 0 if tensor.dtype.startswith("u") else -(1 << (bits - 1))
    low, high = least - tensor.zero, least + (1 << bits) - 1 - tensor.zero
    return Producer(QUANTISED, source, step, low * step, high * step)
