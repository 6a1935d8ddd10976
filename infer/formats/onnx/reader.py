"""Describe an ONNX file."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import ArtifactError, DamagedError
from ...tensors.signature import Signature, TensorSpec
from ..description import Description
from ..map_file import map_file
from ..protobuf import Message
from ..safe_paths import beside
from ..weights_file import check_weights_file
from .precision import precision_of

# Numbers of fields, as in onnx.proto.
_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSETS = 1, 2, 3, 7, 8
_TRAINING, _FUNCTIONS = 20, 25  # of a model; the two graphs of a training are fields 1 and 2
_FUNCTION_NODES, _FUNCTION_DEFAULTS = 7, 11
_NODES, _INITIALIZERS, _INPUTS, _OUTPUTS, _SPARSE = 1, 5, 11, 12, 15
_OP_TYPE, _ATTRIBUTES, _DOMAIN = 4, 5, 7
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5, 6, 10, 11
_SPARSE_VALUE, _SPARSE_VALUES = 22, 23  # of an attribute
_DIMS, _DTYPE, _NAME, _EXTERNAL, _LOCATION = 1, 2, 8, 13, 14
_DEEPEST = 64  # graphs in graphs

# Name and bits of an element, by number.
_DTYPES = {
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
_STANDARD = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training")
_ORT = "com.microsoft"


def describe(path: Path) -> Description:
    """Read an ONNX file; of its weights only name, type and shape.

    Raises:
        ArtifactError: it is damaged.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        note = "ONNX Runtime's own form of a graph; only ONNX Runtime reads it"
        return Description("onnx", "ORT", "", {}, {}, {}, notes=(note,))
    return _describe(Message(data), path)


def external_files(path: Path) -> list[Path]:
    """List the files beside an ONNX file that its tensors name, even if they hold values too.

    Raises:
        ArtifactError: the file is damaged, or names one outside of its folder.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        return []
    names = {name for tensor in _tensors(Message(data)) for name in _locations(tensor)}
    return sorted(_beside(path, name) for name in names)


def unranked_tensors(path: Path) -> frozenset[str]:
    """Names of the inputs and outputs whose number of dimensions the file does not tell.

    Raises:
        ArtifactError: the file is damaged, or in ONNX Runtime's own form, which is not read.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        raise ArtifactError(f"{path}: ONNX Runtime's own form of a graph is not read")
    graph = Message(data).message(_GRAPH)
    specs = map(_spec, (*graph.messages(_INPUTS), *graph.messages(_OUTPUTS)))
    return frozenset(spec.name for spec in specs if spec.shape is None)


def check_weights(path: Path) -> None:
    """Check that the files beside an ONNX file have all of its weights.

    Raises:
        ArtifactError: one is missing or cut short, or the file is damaged.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        return
    ends: dict[str, int] = {}
    for tensor in _tensors(Message(data)):
        name = _external(tensor)
        if name is not None:
            ends[name] = max(ends.get(name, 0), _end(tensor))
    for name, size in ends.items():
        check_weights_file(path, _beside(path, name), size)


def _end(tensor: Message) -> int:
    """Where a tensor ends in its file, in bytes."""
    entries = {entry.string(1): entry.string(2) for entry in tensor.messages(_EXTERNAL)}
    bits = max(0, math.prod(tensor.integers(_DIMS))) * _dtype(tensor.enumeration(_DTYPE))[1]
    numbers = [entries.get("offset", "0"), entries.get("length", str(bits // 8))]
    if not all(re.fullmatch(r"\d{1,19}", number) for number in numbers):
        raise DamagedError(f"a tensor whose place in a file is {' and '.join(numbers)}")
    return sum(map(int, numbers))


def _describe(model: Message, path: Path) -> Description:
    graph = model.message(_GRAPH)
    weights: Counter[str] = Counter()
    missing = set()
    for tensor in _tensors(model):
        name, bits = _dtype(tensor.enumeration(_DTYPE))
        count = math.prod(tensor.integers(_DIMS))
        weights[name] += max(0, count) * bits // 8
        external = _external(tensor)
        if external is not None and not _beside(path, external).is_file():
            missing.add(external)
    operators: Counter[str] = Counter()
    domains = set()
    functions = {
        (function.string(10), function.string(1)) for function in model.messages(_FUNCTIONS)
    }
    for nodes in _node_lists(model):
        for node in nodes:
            domain, kind = node.string(_DOMAIN), node.string(_OP_TYPE)
            operators[f"{domain}::{kind}" if domain not in ("", "ai.onnx") else kind] += 1
            if (domain, kind) not in functions:
                domains.add(domain)
    constants = {tensor.string(_NAME) for tensor in graph.messages(_INITIALIZERS)}
    signature = Signature(
        tuple(
            _spec(value) for value in graph.messages(_INPUTS) if value.string(1) not in constants
        ),
        tuple(map(_spec, graph.messages(_OUTPUTS))),
    )
    opsets = {entry.string(1) or "ai.onnx": entry.integer(2) for entry in model.messages(_OPSETS)}
    custom = sorted(domains - {*_STANDARD, _ORT})
    notes = [f"operators of {name}, which need a library of their own" for name in custom]
    if _ORT in domains:
        notes.append("operators of com.microsoft, which ONNX Runtime alone has")
    notes += [f"{name} is missing, which holds weights" for name in sorted(missing)]
    return Description(
        "onnx",
        f"IR {model.integer(_IR_VERSION)}, opset "
        + ", ".join(
            f"{version}" if name == "ai.onnx" else f"{name} {version}"
            for name, version in opsets.items()
        ),
        f"{model.string(_PRODUCER)} {model.string(_PRODUCER_VERSION)}".strip(),
        {"": signature},
        dict(weights.most_common()),
        dict(operators.most_common()),
        notes=tuple(notes),
        graph_precision=precision_of(
            graph,
            [function.messages(_FUNCTION_NODES) for function in model.messages(_FUNCTIONS)],
            {spec.name: spec.dtype for spec in signature.inputs},
            [spec.name for spec in signature.outputs],
            _DTYPES,
        ),
    )


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


def _node_lists(model: Message) -> Iterator[list[Message]]:
    for graph in _graphs(model):
        yield graph.messages(_NODES)
    for function in model.messages(_FUNCTIONS):
        yield function.messages(_FUNCTION_NODES)


def _tensors(model: Message) -> Iterator[Message]:
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


def _external(tensor: Message) -> str | None:
    """The file that holds the values of a tensor; None if the tensor itself does."""
    if tensor.enumeration(_LOCATION) != 1:
        return None
    locations = _locations(tensor)
    return locations[-1] if locations else None


def _locations(tensor: Message) -> list[str]:
    """All files that a tensor names.

    Raises:
        DamagedError: a name is not UTF-8, so that runtimes may not open the file that we find.
    """
    names = [entry.raw(2) for entry in tensor.messages(_EXTERNAL) if entry.string(1) == "location"]
    try:
        return [str(parts[-1], "utf-8") if parts else "" for parts in names]
    except UnicodeDecodeError:
        raise DamagedError("a file of weights whose name is not UTF-8") from None


def _beside(path: Path, name: str) -> Path:
    if name.startswith("*/_ORT_MEM_ADDR_"):  # ONNX Runtime would read its own memory there
        raise ArtifactError(f"{path}: names an address in memory as its weights")
    return beside(path, name)


def _dtype(number: int) -> tuple[str, int]:
    return _DTYPES.get(number, (f"type {number}", 0))


def _spec(value: Message) -> TensorSpec:
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
        return None, f"map of {_dtype(entry.integer(1))[0]} to {value}"
    if 9 in kind:
        return None, f"optional {_type(kind.message(9).message(1), depth - 1)[1]}"
    tensor = kind.message(8 if 8 in kind else 1)
    shape = tuple(map(_size, tensor.message(2).messages(1))) if 2 in tensor else None
    return shape, _dtype(tensor.integer(1))[0]


def _size(dimension: Message) -> int | str | None:
    if 2 in dimension:
        return dimension.string(2) or None
    return dimension.integer(1) if 1 in dimension else None
