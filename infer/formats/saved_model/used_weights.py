"""Which nodes of a TensorFlow graph its signatures depend on, and the weights among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ...errors import DamagedError
from ..needed import needed
from ..protobuf import Message

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")
_FUNCTION, _LIST, _FUNCTIONS = 10, 1, 9  # of an attribute's value, and of a list in one


class _Body:
    """A graph or a function: its nodes by name, what they take, and what it gives."""

    def __init__(
        self, nodes: Sequence[Message], ends: Iterable[str], inputs: Sequence[str]
    ) -> None:
        self.nodes = nodes
        self.ends = [_source(end) for end in ends]
        self.inputs = inputs


def used_nodes(graph: Message, outputs: Iterable[str]) -> list[Message]:
    """List the nodes that outputs depend on, in the graph and the functions that it calls.

    Args:
        graph: the GraphDef.
        outputs: names of tensors in it.

    Raises:
        DamagedError: functions call each other too deeply.
    """
    functions = {}
    for function in graph.message(2).messages(1):
        signature = function.message(1)
        ends = [entry.string(2) for entry in function.messages(4)]
        inputs = [argument.string(1) for argument in signature.messages(2)]
        functions[signature.string(1)] = _Body(function.messages(3), ends, inputs)
    found = _Search(functions)
    try:
        found.add(_Body(graph.messages(1), outputs, ()))
    except RecursionError:
        raise DamagedError("its functions call each other too deeply") from None
    return found.nodes


class _Search:
    """Finds the nodes that count, body after body."""

    def __init__(self, functions: Mapping[str, _Body]) -> None:
        self.nodes: list[Message] = []
        self._functions = functions
        self._taken: dict[str, set[int]] = {}  # inputs that count, by function

    def add(self, body: _Body) -> set[str]:
        """Add the nodes that the ends of a body depend on; return the names that they take."""
        operators = []
        for node in body.nodes:
            inputs = [name for name in node.strings(3) if not name.startswith("^")]
            called = [name for name in _functions(node) if name in self._functions]
            if called and node.string(2) in _CALLS:
                counted = self._inputs_of(called[0])
                inputs = [name for place, name in enumerate(inputs) if place in counted]
            operators.append(([_source(name) for name in inputs], [node.string(1)]))
        places = needed(operators, body.ends)
        for place in sorted(places):
            node = body.nodes[place]
            self.nodes.append(node)
            for name in _functions(node):
                if name in self._functions:
                    self._inputs_of(name)
        return {name for place in places for name in operators[place][0]} | set(body.ends)

    def _inputs_of(self, name: str) -> set[int]:
        """Places of the inputs of a function that its results depend on; it is added once."""
        if name not in self._taken:
            self._taken[name] = set()  # a function that calls itself
            body = self._functions[name]
            taken = self.add(body)
            self._taken[name] = {n for n, given in enumerate(body.inputs) if given in taken}
        return self._taken[name]


def _functions(node: Message) -> list[str]:
    """Names of the functions in the attributes of a node."""
    names = []
    for entry in node.messages(5):
        value = entry.message(2)
        called = [*value.messages(_FUNCTION), *value.message(_LIST).messages(_FUNCTIONS)]
        names += [one.string(1) for one in called]
    return names


def _source(tensor: str) -> str:
    """The node, or the argument, that a tensor is of."""
    return tensor.partition(":")[0]


def used_weights(
    nodes: Iterable[Message],
    add: Callable[[Counter[str], int, Message], None],
    attribute: Callable[[Message, str], Message],
) -> Counter[str]:
    """Bytes of the variables and constants among some nodes, by type."""
    weights: Counter[str] = Counter()
    for node in nodes:
        if node.string(2) == "Const":
            tensor = attribute(node, "value").message(8)
            add(weights, tensor.integer(1), tensor.message(2))
        elif node.string(2) in _VARIABLES:
            add(weights, attribute(node, "dtype").integer(6), attribute(node, "shape").message(7))
    return weights
