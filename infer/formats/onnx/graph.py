"""A graph of an ONNX file, in lists that need no further parsing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...errors import DamagedError
from ..protobuf import Message

# Numbers of fields, as in onnx.proto.
_INPUTS, _OUTPUTS, _OP_TYPE, _ATTRIBUTES = 1, 2, 4, 5
_A_NAME, _A_INTEGER, _A_TENSOR, _A_SUBGRAPH, _A_SUBGRAPHS = 1, 3, 5, 6, 11
_DTYPE, _NAME = 2, 8
_NODES, _INITIALIZERS = 1, 5
_DEEPEST = 64


@dataclass
class Graph:
    """A graph, in lists that need no further parsing.

    Attributes:
        nodes: nodes that outputs depend on.
        constants: tensors by name.
        types: types of the inputs, by name.
        outputs: names of the outputs.
    """

    nodes: list[Node]
    constants: Mapping[str, Message]
    types: Mapping[str, str]
    outputs: list[str]
    consumers: dict[str, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes:
            for name in node.inputs:
                self.consumers.setdefault(name, []).append(node)

    def dtype(self, name: str) -> str:
        """The type of a constant or an input; "" if it is neither."""
        return self.types.get(name, "")


@dataclass(frozen=True)
class Node:
    """A node: its operator, and the names of what it takes and gives."""

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


def read_graph(
    graph: Message,
    functions: list[list[Message]],
    inputs: Mapping[str, str],
    outputs: list[str],
    dtypes: Mapping[int, tuple[str, int]],
) -> Graph:
    """Read the nodes that outputs depend on, those of graphs in graphs too, and the constants.

    Args:
        graph: the main graph.
        functions: nodes of the model's own functions.
        inputs: types of the graph's inputs, by name.
        outputs: names of its outputs.
        dtypes: name and bits of each type, by number.

    Raises:
        DamagedError: graphs lie in graphs too deep.
    """
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
    return Graph(nodes, constants, {**inputs, **types}, outputs)


def _nodes(graph: Message, constants: dict[str, Message], depth: int) -> Iterator[Node]:
    """Nodes of a graph; a node that holds graphs also takes what these take."""
    if depth == 0:
        raise DamagedError(f"graphs in graphs, more than {_DEEPEST} deep")
    for tensor in graph.messages(_INITIALIZERS):
        constants[tensor.string(_NAME)] = tensor
    for message in graph.messages(_NODES):
        node = _node(message)
        inner: list[Node] = []
        for attribute in message.messages(_ATTRIBUTES):
            for part in (*attribute.messages(_A_SUBGRAPH), *attribute.messages(_A_SUBGRAPHS)):
                inner += _nodes(part, constants, depth - 1)
        yield from inner
        taken = tuple(
            name for inner_node in inner for name in (*inner_node.inputs, *inner_node.outputs)
        )
        yield Node(node.kind, (*node.inputs, *taken), node.outputs, message)


def _node(message: Message) -> Node:
    return Node(
        message.string(_OP_TYPE),
        tuple(message.strings(_INPUTS)),
        tuple(message.strings(_OUTPUTS)),
        message,
    )


def _live(nodes: list[Node], outputs: list[str]) -> list[Node]:
    """The nodes that the outputs depend on: what is calculated in vain has no precision."""
    wanted, live = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            live.append(node)
    return live[::-1]
