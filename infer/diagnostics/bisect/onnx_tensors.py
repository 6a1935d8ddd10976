"""List the tensors inside an ONNX graph, and write a copy that has all of them as outputs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError

# The maximum size of a protobuf message; larger models keep their weights in other files.
_LARGEST = 2**31 - 1
_NO_TENSORS = {"SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase"}
_NO_TENSORS |= {"SplitToSequence", "SequenceMap", "Optional", "ZipMap"}


@dataclass(frozen=True)
class Tensor:
    """A tensor that a node computes.

    Attributes:
        name: in the graph.
        node: name of the node; its operator where it has no name.
        operator: of the node.
        inputs: names of the tensors that the node takes, weights among them.
    """

    name: str
    node: str
    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """An ONNX graph.

    Attributes:
        tensors: in topological order; those inside of If, Loop and Scan are not among them.
        inputs, outputs: names.
        subgraphs: how many nodes hold graphs of their own.
    """

    tensors: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    subgraphs: int


def with_all_outputs(path: Path, folder: Path) -> tuple[Graph, Path]:
    """Write a copy of a model, with all its tensors as outputs, to a folder.

    Weights beside the model are linked, or copied if they cannot be linked.

    Raises:
        InputError: the file is no ONNX, or the `onnx` package is missing.
    """
    try:
        import onnx
    except ImportError:
        raise InputError("bisect needs the onnx package: pip install '.[onnx]'") from None
    if path.stat().st_size > _LARGEST:
        raise InputError(
            f"{path}: larger than 2 GiB, which one ONNX file cannot be; weights belong beside it"
        )
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's own, whatever the file makes it stumble over
        raise InputError(f"{path}: not a whole ONNX file ({type(error).__name__})") from None
    if not model.graph.node:
        raise InputError(f"{path}: the graph has no nodes")
    for name in _external_files(model, path):
        _bring(path.parent / name, folder / name)
    types = _types(model)
    given = {value.name for value in model.graph.output}
    tensors = []
    for node in model.graph.node:
        for name in node.output:
            # What is not typed is taken for a tensor, unless its operator gives none.
            if not name or types.get(name, node.op_type not in _NO_TENSORS) is False:
                continue
            tensors.append(
                Tensor(
                    name, node.name or node.op_type, node.op_type, tuple(filter(None, node.input))
                )
            )
            if name not in given:
                model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    graph = Graph(
        tuple(tensors),
        tuple(value.name for value in model.graph.input),
        tuple(given & {tensor.name for tensor in tensors}),
        sum(any(a.HasField("g") or a.graphs for a in node.attribute) for node in model.graph.node),
    )
    copy = folder / "model.onnx"
    try:
        onnx.save(model, str(copy))
    except ValueError as error:  # protobuf's limit
        raise InputError(f"{path}: too large to be written with more outputs ({error})") from None
    return graph, copy


def rounded_values(graph: Graph) -> dict[str, str]:
    """The values that a quantised graph goes on with, by what they were before the rounding.

    Quantizers leave a Relu out, since the range of the rounded values cuts off the same.
    """
    users: dict[str, list[Tensor]] = {}
    for tensor in graph.tensors:
        for name in tensor.inputs[:1] if tensor.operator.endswith("Linear") else tensor.inputs:
            users.setdefault(name, []).append(tensor)
    rounded = {}
    for name, (first, *more) in users.items():
        after = [*users.get(first.name, []), *more]
        kinds = [first.operator, *(tensor.operator for tensor in after)]
        if kinds == ["QuantizeLinear", "DequantizeLinear"]:
            rounded[name] = after[0].name
    return rounded


def _types(model: Any) -> dict[str, bool]:
    """Of each value whose type is known, whether it is a tensor."""
    import onnx

    try:
        model = onnx.shape_inference.infer_shapes(model)
    except Exception:  # it is a help only: the runtime has an inference of its own
        return {}
    return {
        value.name: value.type.HasField("tensor_type")
        for value in (*model.graph.value_info, *model.graph.output)
        if value.type.WhichOneof("value")
    }


def _external_files(model: Any, path: Path) -> list[str]:
    """Files beside the model that hold weights.

    Raises:
        InputError: one lies outside of the model's folder, or is missing.
    """
    names = set()
    for tensor in _weights(model.graph):
        for entry in tensor.external_data:
            if entry.key == "location":
                names.add(entry.value)
    root = path.parent.resolve()
    for name in sorted(names):
        target = (root / name).resolve()
        if not target.is_relative_to(root):
            raise InputError(f"{path}: its weights '{name}' lie outside of its folder")
        if not target.is_file():
            raise InputError(f"{target}: missing, {path.name} keeps weights there")
    return sorted(names)


def _weights(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(
                attribute.graphs
            ):
                yield from _weights(inner)


def _bring(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A hard link: runtimes refuse links that lead out of the model's folder.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
