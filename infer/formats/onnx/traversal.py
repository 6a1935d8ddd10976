"""Visit all nodes and tensors of an ONNX file, those of inner graphs included."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import DamagedError
from ..protobuf import Message

# Numbers of fields, as in onnx.proto.
_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25  # of a model; a training's two graphs are fields 1 and 2
_FUNCTION_NODES, _FUNCTION_DEFAULTS = 7, 11
_NODES, _INITIALIZERS, _SPARSE = 1, 5, 15
_ATTRIBUTES = 5  # of a node
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS, _SPARSE_VALUE, _SPARSE_VALUES = 5, 6, 10, 11, 22, 23
_DEEPEST = 64  # graphs in graphs


def _graphs(model: Message) -> Iterator[Message]:
    """Yield the graph, and the graphs in attributes of nodes, such as branches and loop bodies."""
    graph = model.message(_GRAPH)
    yield graph
    yield from _inner(_attributes(graph.messages(_NODES)), _DEEPEST)
    for function in model.messages(_FUNCTIONS):
        yield from _inner(_function_attributes(function), _DEEPEST)


def _inner(attributes: Iterator[Message], depth: int) -> Iterator[Message]:
    if depth == 0:
        raise DamagedError(f"graphs in graphs, more than {_DEEPEST} deep")
    for attribute in attributes:
        for graph in (*_single(attribute, _SUBGRAPH), *attribute.messages(_SUBGRAPHS)):
            yield graph
            yield from _inner(_attributes(graph.messages(_NODES)), depth - 1)


def _attributes(nodes: list[Message]) -> Iterator[Message]:
    for node in nodes:
        yield from node.messages(_ATTRIBUTES)


def _function_attributes(function: Message) -> Iterator[Message]:
    """The attributes of a function's nodes, and the defaults of its own."""
    yield from _attributes(function.messages(_FUNCTION_NODES))
    yield from function.messages(_FUNCTION_DEFAULTS)


def _single(message: Message, number: int) -> list[Message]:
    """The value of a field that holds one message, as a list; empty if it is missing."""
    return [message.message(number)] if number in message else []


def node_lists(model: Message) -> Iterator[list[Message]]:
    """Yield the nodes of each graph and each function."""
    for graph in _graphs(model):
        yield graph.messages(_NODES)
    for function in model.messages(_FUNCTIONS):
        yield function.messages(_FUNCTION_NODES)


def all_tensors(model: Message) -> Iterator[Message]:
    """All tensors with values, in whatever place: graphs, training, functions, and inner graphs."""
    trainings = model.messages(_TRAINING)
    top = [
        *(
            graph
            for training in trainings
            for number in (1, 2)
            for graph in _single(training, number)
        ),
        model.message(_GRAPH),
    ]
    attributes = [_attributes(graph.messages(_NODES)) for graph in top]
    attributes += [_function_attributes(function) for function in model.messages(_FUNCTIONS)]
    for graph in top:
        yield from _initializers(graph)
    for listed in attributes:
        yield from _tensors_of(listed, _DEEPEST)


def _tensors_of(attributes: Iterator[Message], depth: int) -> Iterator[Message]:
    if depth == 0:
        raise DamagedError(f"graphs in graphs, more than {_DEEPEST} deep")
    for attribute in attributes:
        yield from (*_single(attribute, _TENSOR), *attribute.messages(_TENSORS))
        for sparse in (*_single(attribute, _SPARSE_VALUE), *attribute.messages(_SPARSE_VALUES)):
            yield from (*_single(sparse, 1), *_single(sparse, 2))
        for graph in (*_single(attribute, _SUBGRAPH), *attribute.messages(_SUBGRAPHS)):
            yield from _initializers(graph)
            yield from _tensors_of(_attributes(graph.messages(_NODES)), depth - 1)


def _initializers(graph: Message) -> Iterator[Message]:
    yield from graph.messages(_INITIALIZERS)
    for sparse in graph.messages(_SPARSE):
        yield from (*_single(sparse, 1), *_single(sparse, 2))
