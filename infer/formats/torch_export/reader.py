"""Describe an archive of `torch.export.save` (.pt2).

Its graph is JSON. The pickles in it, of example inputs and of tensors that have no plain bytes, are
never opened.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Set
from pathlib import Path
from typing import Any

from ...errors import ArtifactError, DamagedError
from ...tensors.dtypes import ANY
from ...tensors.signature import Signature, TensorSpec
from ..archive import DAMAGE, Archive
from ..description import Description
from ..torch_trees import leaf_names
from .precision import precision_of

MODEL = "models/model.json"
_PAYLOADS = (
    ("data/weights/", "data/weights/model_weights_config.json"),
    ("data/constants/", "data/constants/model_constants_config.json"),
)
_MOST_JSON = 256 << 20  # bytes; a graph is some kilobytes for every operator
# torch/_export/serde/schema.py, ScalarType.
_DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    34: "uint32",
    35: "uint64",
}
# Operators that give another view of their first tensor.
_VIEWS = re.compile(
    r"aten\.(alias|detach|expand|narrow|permute|select|slice|squeeze|t|transpose|unsqueeze|view)\."
)
_IN_PLACE = re.compile(r"\.\w*[a-z0-9]_\.")


def is_archive(names: Set[str]) -> bool:
    """Whether the entries, less their common folder, are those of a torch.export archive."""
    return "archive_format" in names and any(name.startswith("models/") for name in names)


def describe(path: Path) -> Description:
    """Read the graph.

    Raises:
        ArtifactError: it is damaged, or holds something else than an exported program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _describe(Archive(archive, _MOST_JSON))
    except DAMAGE as error:
        raise DamagedError(f"a damaged archive ({type(error).__name__}: {error})") from None


def _check_contents(names: Set[str]) -> None:
    programs = {name for name in names if re.fullmatch(r"models/.+\.json", name)}
    if programs != {MODEL}:
        listed = ", ".join(sorted(programs)) or "none"
        raise ArtifactError(f"holds other programs than {MODEL} ({listed}); save that one")


def _describe(archive: Archive) -> Description:
    _check_contents(set(archive.entries))
    program = json.loads(archive.read(MODEL))
    graph, signature = program["graph_module"]["graph"], program["graph_module"]["signature"]
    values = graph["tensor_values"]
    inputs, notes = [], []
    for spec in signature["input_specs"]:
        if "user_input" in spec:
            inputs.append(_tensor(spec["user_input"]["arg"], values))
        elif "constant_input" in spec:
            constant = spec["constant_input"]
            kind, value = next(iter(constant["value"].items()))
            notes.append(f"{constant['name']}: always {None if kind == 'as_none' else value}")
    arguments = [
        spec["user_output"]["arg"] for spec in signature["output_specs"] if "user_output" in spec
    ]
    names = _output_names(program["graph_module"]["module_call_graph"])
    if len(names) != len(arguments):
        names = [f"output_{index}" for index in range(len(arguments))]
    outputs = [
        _tensor(argument, values, name)
        for name, argument in zip(names, arguments, strict=True)
        if "as_none" not in argument
    ]
    weights: Counter[str] = Counter()
    for folder, config in _PAYLOADS:
        seen = set()
        stated = json.loads(archive.read(config))["config"] if config in archive.entries else {}
        for entry in stated.values():
            path, meta = entry["path_name"], entry.get("tensor_meta")
            if path not in seen and folder + path in archive.entries:
                dtype = _dtype(meta) if meta else "pickled"
                weights[dtype] += archive.entries[folder + path].file_size
            seen.add(path)
    operators = Counter(_operator(node["target"]) for node in graph["nodes"])
    if _changes(graph["nodes"], signature):
        notes.append("keeps state from call to call")
    version = program["schema_version"]
    return Description(
        "torch-export",
        f"schema {version['major']}.{version['minor']}",
        f"torch {program.get('torch_version') or ''}".strip(),
        {"": Signature(tuple(inputs), tuple(outputs))},
        dict(weights.most_common()),
        dict(operators.most_common()),
        executes_code="the sizes in its graph are read as Python, and its operators may be any "
        "function of PyTorch",
        notes=tuple(notes),
        graph_precision=precision_of(
            graph,
            _parameters(signature),
            _DTYPES,
            {
                name: argument["as_tensor"]["name"]
                for name, argument in zip(names, arguments, strict=True)
                if "as_tensor" in argument
            },
        ),
    )


def _parameters(signature: dict[str, Any]) -> set[str]:
    """Names of the values that are parameters, buffers or constants."""
    kinds = ("parameter", "buffer", "tensor_constant")
    return {
        spec[kind]["arg"]["name"]
        for spec in signature["input_specs"]
        for kind in kinds
        if kind in spec
    }


def _tensor(argument: dict[str, Any], values: dict[str, Any], name: str = "") -> TensorSpec:
    kind, value = next(iter(argument.items()))
    if kind != "as_tensor":
        return TensorSpec(name or str(value), (), ANY)
    meta = values[value["name"]]
    sizes = tuple(
        int(size["as_int"]) if "as_int" in size else _symbol(size["as_expr"]["expr_str"])
        for size in meta["sizes"]
    )
    return TensorSpec(name or value["name"], sizes, _dtype(meta))


def _dtype(meta: dict[str, Any]) -> str:
    return _DTYPES.get(meta["dtype"], f"type {meta['dtype']}")


def _symbol(expression: str) -> str:
    """An expression as PyTorch prints it.

    `Symbol('s0', positive=True, integer=True)` is `s0`; multiples and sums are `2*s0`, `s0 + 2`.
    """
    text = re.sub(r"Symbol\('(\w{1,64})'[^()]{0,100}\)", r"\1", expression)
    text = re.sub(r"Mul\(Integer\((\d{1,9})\), (\w{1,64})\)", r"\1*\2", text)
    return re.sub(r"Add\((\w{1,64}), Integer\((\d{1,9})\)\)", r"\1 + \2", text)


def _operator(target: str) -> str:
    return target.removeprefix("torch.ops.").removesuffix(".default")


def _changes(nodes: list[dict[str, Any]], signature: dict[str, Any]) -> bool:
    """Whether a call changes a buffer, or a view of one, in place."""
    if any("buffer_mutation" in spec for spec in signature["output_specs"]):
        return True
    buffers = {
        spec["buffer"]["arg"]["name"] for spec in signature["input_specs"] if "buffer" in spec
    }
    for node in nodes:
        first = node["inputs"][0]["arg"].get("as_tensor", {}) if node["inputs"] else {}
        if first.get("name") not in buffers:
            continue
        if _IN_PLACE.search(node["target"]):
            return True
        if _VIEWS.search(node["target"]):
            buffers.add(node["outputs"][0]["as_tensor"]["name"])
    return False


def _output_names(call_graph: list[dict[str, Any]]) -> list[str]:
    """Name the outputs as the runtime does: by the keys of a dictionary, otherwise by numbers."""
    root = next((entry for entry in call_graph if entry["fqn"] == "" and entry["signature"]), None)
    if root is None:
        return []
    return leaf_names(json.loads(root["signature"]["out_spec"])[1], "output")
