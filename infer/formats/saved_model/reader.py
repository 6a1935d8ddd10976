"""Describe a SavedModel folder."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...errors import ArtifactError
from ...tensors.signature import Signature, TensorSpec
from ..description import Description
from ..map_file import map_file
from ..protobuf import Message
from ..safe_paths import beside
from .precision import precision_of
from .used_weights import used_nodes, used_weights

# Numbers of fields, as in the .proto files of TensorFlow.
_META_GRAPHS = 2
_INFO, _GRAPH, _SIGNATURES, _ASSETS, _OBJECTS = 1, 2, 5, 6, 7
_DEFAULTS = 4  # of a signature
_TAGS, _TENSORFLOW = 4, 5

# Name and bytes of an element, by number.
_DTYPES = {
    1: ("float32", 4),
    2: ("float64", 8),
    3: ("int32", 4),
    4: ("uint8", 1),
    5: ("int16", 2),
    6: ("int8", 1),
    7: ("string", 0),
    8: ("complex64", 8),
    9: ("int64", 8),
    10: ("bool", 1),
    11: ("qint8", 1),
    12: ("quint8", 1),
    13: ("qint32", 4),
    14: ("bfloat16", 2),
    15: ("qint16", 2),
    16: ("quint16", 2),
    17: ("uint16", 2),
    18: ("complex128", 16),
    19: ("float16", 2),
    20: ("resource", 0),
    21: ("variant", 0),
    22: ("uint32", 4),
    23: ("uint64", 8),
}
_REFERENCE = 100  # a dtype of TensorFlow 1's variables is that of their values and this
_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")
_INITIALIZER = "__saved_model_init_op"


def describe(path: Path) -> Description:
    """Read the graphs of a SavedModel, which also list its variables.

    Raises:
        ArtifactError: it is damaged.
    """
    file = path / "saved_model.pb"
    if not file.is_file():
        raise ArtifactError(f"{path}: its graph is written as text (saved_model.pbtxt), not read")
    return _describe(Message(map_file(file)).messages(_META_GRAPHS), path)


def tags_of(path: Path) -> list[str] | None:
    """Choose the tags to load a SavedModel by: those of the serving graph, if there are several.

    None if its graph is written as text.

    Raises:
        ArtifactError: it is damaged.
    """
    file = path / "saved_model.pb"
    if not file.is_file():
        return None
    graphs = Message(map_file(file)).messages(_META_GRAPHS)
    tags = [graph.message(_INFO).strings(_TAGS) for graph in graphs]
    return tags[_serving(tags)] if tags else None


def defaults_of(path: Path, tags: Sequence[str]) -> dict[str, dict[str, bytes]]:
    """The defaults of inputs, as TensorProtos by the name of the signature and of the input.

    Raises:
        ArtifactError: the file is damaged.
    """
    file = path / "saved_model.pb"
    if not file.is_file():
        return {}
    for graph in Message(map_file(file)).messages(_META_GRAPHS):
        if set(graph.message(_INFO).strings(_TAGS)) == set(tags):
            return {
                entry.string(1): {
                    default.string(1): bytes(default.raw(2)[-1])
                    for default in entry.message(2).messages(_DEFAULTS)
                    if 2 in default
                }
                for entry in graph.messages(_SIGNATURES)
            }
    return {}


def check_assets(path: Path) -> None:
    """Check that the assets that a SavedModel names lie in its assets folder.

    Raises:
        ArtifactError: an asset lies elsewhere, or the file is damaged.
    """
    file = path / "saved_model.pb"
    if file.is_file():
        for graph in Message(map_file(file)).messages(_META_GRAPHS):
            for asset in graph.messages(_ASSETS):
                beside(file, asset.string(2), path / "assets")


def _serving(tags: list[list[str]]) -> int:
    return min(range(len(tags)), key=lambda i: ("serve" not in tags[i], len(tags[i])))


def _describe(graphs: list[Message], path: Path) -> Description:
    if not graphs:
        raise ArtifactError(f"{path / 'saved_model.pb'}: holds no graph")
    tags = [graph.message(_INFO).strings(_TAGS) for graph in graphs]
    chosen = _serving(tags)
    graph = graphs[chosen]
    signatures = {
        entry.string(1): _signature(entry.message(2))
        for entry in graph.messages(_SIGNATURES)
        if entry.string(1) != _INITIALIZER
    }
    second = _OBJECTS in graph
    notes = []
    if len(graphs) > 1:
        notes.append(f"{len(graphs)} graphs, with the tags " + "; ".join(map(", ".join, tags)))
    if not signatures:
        notes.append("no signature, so nothing that a server could call")
    operators, weights = _graph(graph.message(_GRAPH), variables=not second)
    if second:
        weights += _variables(graph.message(_OBJECTS))
    notes += _leftovers(path, weights)
    specs = [
        spec
        for signature in signatures.values()
        for spec in (*signature.inputs, *signature.outputs)
    ]
    used = used_nodes(graph.message(_GRAPH), _outputs(graph.messages(_SIGNATURES)))
    return Description(
        "saved-model",
        f"TensorFlow {2 if second else 1}, tags {', '.join(tags[chosen]) or 'none'}",
        f"tensorflow {graph.message(_INFO).string(_TENSORFLOW)}".strip(),
        dict(sorted(signatures.items())),
        dict(weights.most_common()),
        dict(operators.most_common()),
        executes_code="a graph may read and write files and run what operators there are",
        notes=tuple(notes),
        graph_precision=precision_of(
            used,
            used_weights(used, _add, _attribute),
            _attribute,
            lambda number: _dtype(number)[0],
            {spec.dtype for spec in specs},
        ),
    )


def _leftovers(path: Path, weights: Counter[str]) -> list[str]:
    """Note if the variables on disk far exceed those of the graph: usually an optimizer's."""
    folder = path / "variables"
    stored = sum(f.stat().st_size for f in folder.glob("variables.data-*") if f.is_file())
    needed = sum(weights.values())
    if not folder.is_dir() and needed:
        return ["the folder 'variables' is missing"]
    if stored > 1.5 * needed + 65536:
        return [f"variables of {stored:,} bytes, of which the graph uses {needed:,}"]
    return []


def _outputs(signatures: list[Message]) -> list[str]:
    """Names of the tensors that signatures give; a sparse one has several."""
    infos = [output.message(2) for entry in signatures for output in entry.message(2).messages(2)]
    sparse = [info.message(4) for info in infos if 4 in info]
    return [info.string(1) for info in infos] + [
        name for parts in sparse for number in (1, 2, 3) for name in parts.strings(number)
    ]


def _signature(value: Message) -> Signature:
    return Signature(_specs(value, 1), _specs(value, 2))


def _specs(value: Message, number: int) -> tuple[TensorSpec, ...]:
    specs = []
    for entry in value.messages(number):
        info = entry.message(2)
        shape = info.message(3)
        sizes: tuple[int | None, ...] | None = None
        if not shape.integer(3):
            sizes = tuple(
                None if size.integer(1) < 0 else size.integer(1) for size in shape.messages(2)
            )
        specs.append(TensorSpec(entry.string(1), sizes, _dtype(info.integer(2))[0]))
    return tuple(sorted(specs, key=lambda spec: spec.name))


def _graph(graph: Message, *, variables: bool) -> tuple[Counter[str], Counter[str]]:
    """Count operators of the graph and its functions, and bytes of its weights by dtype.

    Args:
        graph: the GraphDef.
        variables: whether variables are counted; TensorFlow 2 lists them elsewhere too.
    """
    operators: Counter[str] = Counter()
    weights: Counter[str] = Counter()
    for index, nodes in enumerate(_node_lists(graph)):
        for node in nodes:
            kind = node.string(2)
            operators[kind] += 1
            if kind == "Const":
                tensor = _attribute(node, "value").message(8)
                _add(weights, tensor.integer(1), tensor.message(2))
            elif variables and kind in _VARIABLES and index == 0:
                dtype = _attribute(node, "dtype").integer(6)
                _add(weights, dtype, _attribute(node, "shape").message(7))
    return operators, weights


def _node_lists(graph: Message) -> list[list[Message]]:
    """The nodes of the graph, and those of each of its functions."""
    functions = graph.message(2).messages(1)
    return [graph.messages(1), *(function.messages(3) for function in functions)]


def _variables(objects: Message) -> Counter[str]:
    """Count the bytes of the variables, by dtype, without those that only an optimizer needs."""
    nodes = objects.messages(1)
    slots = {slot.integer(3) for node in nodes for slot in node.messages(3)}
    weights: Counter[str] = Counter()
    for index, node in enumerate(nodes):
        if 7 in node and index not in slots:
            variable = node.message(7)
            _add(weights, variable.integer(1), variable.message(2))
    return weights


def _attribute(node: Message, name: str) -> Message:
    for entry in node.messages(5):
        if entry.string(1) == name:
            return entry.message(2)
    return Message(memoryview(b""))


def _add(weights: Counter[str], number: int, shape: Message) -> None:
    name, size = _dtype(number)
    if size:
        weights[name] += size * math.prod(max(0, d.integer(1)) for d in shape.messages(2))


def _dtype(number: int) -> tuple[str, int]:
    number %= _REFERENCE
    return _DTYPES.get(number, (f"type {number}", 0))
