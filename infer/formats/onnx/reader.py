"""Describe an ONNX file."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from ...errors import ArtifactError
from ...tensors.signature import Signature
from ..description import Description
from ..map_file import map_file
from ..protobuf import Message
from .external_weights import external_name, weights_path
from .precision import precision_of
from .traversal import all_tensors, node_lists
from .value_types import ELEMENT_TYPES, element_type, spec_of

# Numbers of fields, as in onnx.proto.
_IR_VERSION, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSETS, _FUNCTIONS = 1, 2, 3, 7, 8, 25
_FUNCTION_NODES, _INITIALIZERS, _INPUTS, _OUTPUTS = 7, 5, 11, 12
_OP_TYPE, _DOMAIN = 4, 7  # of a node
_DIMS, _DTYPE, _NAME = 1, 2, 8  # of a tensor

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


def unranked_tensors(path: Path) -> frozenset[str]:
    """Names of the inputs and outputs whose number of dimensions the file does not tell.

    Raises:
        ArtifactError: the file is damaged, or in ONNX Runtime's own form, which is not read.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        raise ArtifactError(f"{path}: ONNX Runtime's own form of a graph is not read")
    graph = Message(data).message(_GRAPH)
    specs = map(spec_of, (*graph.messages(_INPUTS), *graph.messages(_OUTPUTS)))
    return frozenset(spec.name for spec in specs if spec.shape is None)


def _describe(model: Message, path: Path) -> Description:
    graph = model.message(_GRAPH)
    weights: Counter[str] = Counter()
    missing = set()
    for tensor in all_tensors(model):
        name, bits = element_type(tensor.enumeration(_DTYPE))
        count = math.prod(tensor.integers(_DIMS))
        weights[name] += max(0, count) * bits // 8
        external = external_name(tensor)
        if external is not None and not weights_path(path, external).is_file():
            missing.add(external)
    operators: Counter[str] = Counter()
    domains = set()
    functions = {
        (function.string(10), function.string(1)) for function in model.messages(_FUNCTIONS)
    }
    for nodes in node_lists(model):
        for node in nodes:
            domain, kind = node.string(_DOMAIN), node.string(_OP_TYPE)
            operators[f"{domain}::{kind}" if domain not in ("", "ai.onnx") else kind] += 1
            if (domain, kind) not in functions:
                domains.add(domain)
    constants = {tensor.string(_NAME) for tensor in graph.messages(_INITIALIZERS)}
    signature = Signature(
        tuple(
            spec_of(value) for value in graph.messages(_INPUTS) if value.string(1) not in constants
        ),
        tuple(map(spec_of, graph.messages(_OUTPUTS))),
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
            ELEMENT_TYPES,
        ),
    )
