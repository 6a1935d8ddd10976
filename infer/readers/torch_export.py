"""What an archive of `torch.export.save` (.pt2) says of itself.

Its graph is JSON. The pickles in it, of example inputs and of tensors that have no plain bytes, are
never opened.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infer.artifact import Signature, TensorSpec
from infer.dtypes import ANY
from infer.errors import ArtifactError, DamagedError
from infer.readers.description import Description

MODEL = "models/model.json"
EXAMPLES = "data/sample_inputs/model.pt"
_PAYLOADS = (
    ("data/weights/", "data/weights/model_weights_config.json"),
    ("data/constants/", "data/constants/model_constants_config.json"),
)
_MOST_JSON = 256 << 20  # bytes; a graph is some kilobytes for every operator
# torch/_export/serde/schema.py, ScalarType; with the bytes of an element.
_DTYPES = {
    1: ("uint8", 1),
    2: ("int8", 1),
    3: ("int16", 2),
    4: ("int32", 4),
    5: ("int64", 8),
    6: ("float16", 2),
    7: ("float32", 4),
    8: ("float64", 8),
    10: ("complex64", 8),
    11: ("complex128", 16),
    12: ("bool", 1),
    13: ("bfloat16", 2),
    28: ("uint16", 2),
    29: ("float8_e4m3fn", 1),
    30: ("float8_e5m2", 1),
    34: ("uint32", 4),
    35: ("uint64", 8),
}
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
)


def is_archive(names: set[str]) -> bool:
    """Whether an archive with these entries, without their common folder, is one of ours."""
    return "archive_format" in names and any(
        name.startswith(("models/", "data/aotinductor/")) for name in names
    )


def describe(path: Path) -> Description:
    """Read the graph.

    Raises:
        ArtifactError: it is damaged, or holds something else than an exported program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _describe(_Archive(archive))
    except _DAMAGE as error:
        raise DamagedError(f"a damaged archive ({type(error).__name__}: {error})") from None


def examples(path: Path) -> bytes:
    """The pickle of the example inputs, after a look at whether all else can be opened at all.

    Raises:
        ArtifactError: there is a pickle beside it, which PyTorch would run, or compiled code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = _Archive(archive)
            for folder, config in _PAYLOADS:
                _refuse_pickles(found, folder, config)
            return found.read(EXAMPLES)
    except _DAMAGE as error:
        raise DamagedError(f"a damaged archive ({type(error).__name__}: {error})") from None


class _Archive:
    """The entries of the archive, by their names below its one folder."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.entries = {
            info.filename.partition("/")[2]: info
            for info in archive.infolist()
            if "/" in info.filename
        }
        if any(name.startswith("data/aotinductor/") for name in self.entries):
            raise ArtifactError(
                "holds code that AOTInductor compiled for one machine, which nothing here opens; "
                "save the exported program itself with torch.export.save"
            )
        others = {name for name in self.entries if name.startswith("models/")} - {MODEL}
        if others:
            raise ArtifactError(f"holds several programs, {MODEL} and {min(others)}; save one")

    def read(self, name: str) -> bytes:
        info = self.entries.get(name)
        if info is None:
            raise DamagedError(f"'{name}' is missing in the archive")
        if info.file_size > _MOST_JSON:
            raise ArtifactError(f"'{name}' has more than {_MOST_JSON >> 20} MiB")
        return self._archive.read(info)

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))


def _refuse_pickles(archive: _Archive, folder: str, config: str) -> None:
    for name, entry in archive.json(config)["config"].items():
        path = entry["path_name"]
        plain = path.startswith(("weight_", "tensor_")) and not entry["use_pickle"]
        if not plain or not re.fullmatch(r"\w+", path):
            raise ArtifactError(
                f"'{name}' is a pickle in the archive, which is never opened; export the module "
                "without custom objects and tensor subclasses"
            )
        if folder + path not in archive.entries:
            raise DamagedError(f"'{folder}{path}' is missing in the archive")


def _describe(archive: _Archive) -> Description:
    program = archive.json(MODEL)
    graph, signature = program["graph_module"]["graph"], program["graph_module"]["signature"]
    values = graph["tensor_values"]
    inputs, notes = [], []
    for spec in signature["input_specs"]:
        if "user_input" in spec:
            inputs.append(_tensor(spec["user_input"]["arg"], values))
        elif "constant_input" in spec:
            constant = spec["constant_input"]
            notes.append(f"{constant['name']}: always {next(iter(constant['value'].values()))}")
    outputs = [
        spec["user_output"]["arg"] for spec in signature["output_specs"] if "user_output" in spec
    ]
    names = list(_output_names(program["graph_module"]["module_call_graph"]))
    if len(names) != len(outputs):
        names = [f"output_{index}" for index in range(len(outputs))]
    weights: Counter[str] = Counter()
    for folder, config in _PAYLOADS:
        seen = set()
        for entry in archive.json(config)["config"].values():
            path, meta = entry["path_name"], entry.get("tensor_meta")
            if path not in seen and folder + path in archive.entries:
                dtype = _DTYPES.get(meta["dtype"], ("", 0))[0] if meta else "pickled"
                weights[dtype] += archive.entries[folder + path].file_size
            seen.add(path)
    operators = Counter(_operator(node["target"]) for node in graph["nodes"])
    if any(_changes(node, signature) for node in graph["nodes"]):
        notes.append("keeps state from call to call")
    version = program["schema_version"]
    return Description(
        "torch-export",
        f"schema {version['major']}.{version['minor']}",
        f"torch {program.get('torch_version') or ''}".strip(),
        {
            "": Signature(
                tuple(inputs),
                tuple(
                    _tensor(argument, values, name)
                    for name, argument in zip(names, outputs, strict=True)
                ),
            )
        },
        dict(weights.most_common()),
        dict(operators.most_common()),
        executes_code="the sizes in its graph are read as Python, and its operators may be any "
        "function of PyTorch",
        notes=tuple(notes),
    )


def _tensor(argument: dict[str, Any], values: dict[str, Any], name: str = "") -> TensorSpec:
    kind, value = next(iter(argument.items()))
    if kind != "as_tensor":
        return TensorSpec(name or str(value), (), ANY)
    meta = values[value["name"]]
    sizes = tuple(
        int(size["as_int"]) if "as_int" in size else _symbol(size["as_expr"]["expr_str"])
        for size in meta["sizes"]
    )
    dtype = _DTYPES.get(meta["dtype"], (f"type {meta['dtype']}", 0))[0]
    return TensorSpec(name or value["name"], sizes, dtype)


def _symbol(expression: str) -> str:
    """`Symbol('s0', positive=True, integer=True)` as PyTorch prints it, `s0`."""
    return re.sub(r"Symbol\('(\w+)'[^)]*\)", r"\1", expression)


def _operator(target: str) -> str:
    return target.removeprefix("torch.ops.").removesuffix(".default")


def _changes(node: dict[str, Any], signature: dict[str, Any]) -> bool:
    """Whether a node changes a buffer in place."""
    buffers = {
        spec["buffer"]["arg"]["name"] for spec in signature["input_specs"] if "buffer" in spec
    }
    first = node["inputs"][0]["arg"].get("as_tensor", {}) if node["inputs"] else {}
    in_place = re.search(r"\.\w*[a-z0-9]_(\.\w+)?$", node["target"])
    return bool(in_place) and first.get("name") in buffers


def _output_names(call_graph: list[dict[str, Any]]) -> Iterator[str]:
    """Of a dictionary its keys, otherwise numbers: as the runtime calls the outputs."""
    root = next((e for e in call_graph if e["fqn"] == "" and e.get("signature")), None)
    if root is None:
        return
    spec = json.loads(root["signature"]["out_spec"])[1]
    if spec["type"] is None:
        yield "output_0"
    elif spec["type"].endswith("dict"):
        for key, child in zip(_keys(spec), spec["children_spec"], strict=True):
            yield from _named(key, child)
    else:
        for index, child in enumerate(spec["children_spec"]):
            yield from _named(f"output_{index}", child)


def _named(name: str, spec: dict[str, Any]) -> Iterator[str]:
    children = spec["children_spec"]
    if spec["type"] is None:
        yield name
        return
    keys = _keys(spec) if spec["type"].endswith("dict") else map(str, range(len(children)))
    for key, child in zip(keys, children, strict=True):
        yield from _named(f"{name}.{key}", child)


def _keys(spec: dict[str, Any]) -> list[str]:
    context = spec["context"]
    return [str(key) for key in (json.loads(context) if isinstance(context, str) else context)]
