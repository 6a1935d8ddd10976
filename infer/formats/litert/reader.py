"""Describe a LiteRT file (.tflite)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...errors import ArtifactError, DamagedError
from ...tensors.signature import Signature, TensorSpec
from ..description import Description
from ..flatbuffer import Table
from ..map_file import map_file
from .operators import NAMES
from .precision import Graph, Operator, Tensor, precision_of

# Numbers of slots, as in LiteRT's schema.fbs.
_VERSION, _CODES, _SUBGRAPHS, _DESCRIPTION, _BUFFERS, _METADATA, _SIGNATURES = 0, 1, 2, 3, 4, 6, 7
_OUTSIDE = 8  # names of files that hold weights
_TENSORS, _INPUTS, _OUTPUTS, _OPERATORS = 0, 1, 2, 3
_SHAPE, _TYPE, _BUFFER, _NAME, _QUANTIZATION, _SHAPE_SIGNATURE, _HAS_RANK = 0, 1, 2, 3, 4, 7, 8

IDENTIFIER = b"TFL3"
_CUSTOM = 32
# Name and bits of an element, by number.
_DTYPES = (
    *(("float32", 32), ("float16", 16), ("int32", 32), ("uint8", 8), ("int64", 64)),
    *(("string", 0), ("bool", 8), ("int16", 16), ("complex64", 64), ("int8", 8)),
    *(("float64", 64), ("complex128", 128), ("uint64", 64), ("resource", 0), ("variant", 0)),
    *(("uint32", 32), ("uint16", 16), ("int4", 4), ("bfloat16", 16), ("int2", 2), ("uint4", 4)),
)


def describe(path: Path) -> Description:
    """Read the graph of a LiteRT file.

    Raises:
        ArtifactError: it is damaged.
    """
    model = Table.root(map_file(path))
    graphs = model.tables(_SUBGRAPHS)
    if model.length(_OUTSIDE):
        raise ArtifactError(f"{path}: keeps weights in files of their own, which is not taken")
    if not graphs:
        raise DamagedError("holds no graph")
    tensors = [graph.tables(_TENSORS) for graph in graphs]
    signatures = {}
    for entry in model.tables(_SIGNATURES):
        index = entry.number(4, "I")
        if index >= len(graphs):
            raise DamagedError("a signature of a graph that is not there")
        signatures[entry.string(2)] = Signature(
            *(
                tuple(
                    _spec(_at(tensors[index], part.number(1, "I")), part.string(0))
                    for part in entry.tables(slot)
                )
                for slot in (0, 1)
            )
        )
    if not signatures:
        signatures[""] = Signature(
            *(
                tuple(_spec(_at(tensors[0], i)) for i in graphs[0].numbers(slot, "i"))
                for slot in (_INPUTS, _OUTPUTS)
            )
        )
    operators, custom = _operators(model, graphs)
    quantised = sum(_is_quantised(tensor) for part in tensors for tensor in part)
    notes = []
    if custom:
        notes.append("operators that need a library of their own: " + ", ".join(custom))
    if quantised:
        notes.append(f"{quantised} tensors are quantised")
    runtime = _metadata(model, "min_runtime_version")
    return Description(
        "litert",
        f"schema {model.number(_VERSION, 'I')}"
        + (f", runs in {runtime} and newer" if runtime else ""),
        model.string(_DESCRIPTION),
        signatures,
        dict(_weights(model, tensors).most_common()),
        dict(operators.most_common()),
        executes_code=(
            "its operators of TensorFlow (Flex) may read and write files"
            if any(name.startswith("Flex") for name in custom)
            else None
        ),
        notes=tuple(notes),
        graph_precision=precision_of(_graphs(model, graphs, tensors)),
    )


def unranked_tensors(path: Path) -> frozenset[int]:
    """Indices of the tensors of the main graph whose number of dimensions is not known.

    Raises:
        ArtifactError: the file is damaged.
    """
    graphs = Table.root(map_file(path)).tables(_SUBGRAPHS)
    if not graphs:
        raise DamagedError("holds no graph")
    tensors = graphs[0].tables(_TENSORS)
    return frozenset(index for index, tensor in enumerate(tensors) if not _has_rank(tensor))


def _graphs(model: Table, graphs: list[Table], tensors: list[list[Table]]) -> list[Graph]:
    """The graphs, as the search for their precision takes them."""
    names, _ = _operator_names(model)
    sizes = _buffer_sizes(model)
    outputs: list[dict[str, int]] = [
        {_at(part, index).string(_NAME): index for index in graph.numbers(_OUTPUTS, "i")}
        for graph, part in zip(graphs, tensors, strict=True)
    ]
    for entry in model.tables(_SIGNATURES):
        for part in entry.tables(1):
            outputs[entry.number(4, "I")][part.string(0)] = part.number(1, "I")
    return [
        Graph(
            [_tensor(tensor, sizes) for tensor in part],
            [
                Operator(
                    names[_code(operator, names)],
                    operator.numbers(1, "i"),
                    operator.numbers(2, "i"),
                )
                for operator in graph.tables(_OPERATORS)
            ],
            named,
        )
        for graph, part, named in zip(graphs, tensors, outputs, strict=True)
    ]


def _tensor(tensor: Table, sizes: list[int]) -> Tensor:
    quantization, buffer = tensor.table(_QUANTIZATION), tensor.number(_BUFFER, "I")
    zeros = quantization.numbers(3, "q") if quantization else []
    return Tensor(
        _dtype(tensor)[0],
        len(tensor.numbers(_SHAPE, "i")),
        0 < buffer < len(sizes) and sizes[buffer] > 0,
        tuple(quantization.numbers(2, "f")) if quantization else (),
        zeros[0] if zeros else 0,
    )


def _operator_names(model: Table) -> tuple[list[str], list[str]]:
    """The names of the operators that the file lists, and of those that are custom."""
    names = []
    custom = set()
    for code in model.tables(_CODES):
        # Older files have the operator code in a byte field, newer ones in a larger field.
        number = max(code.number(0, "b"), code.number(3, "i"))
        name = NAMES[number] if 0 <= number < len(NAMES) else f"operator {number}"
        if number == _CUSTOM:
            name = code.string(1)
            custom.add(name)
        names.append(name)
    return names, sorted(custom)


def _operators(model: Table, graphs: list[Table]) -> tuple[Counter[str], list[str]]:
    names, custom = _operator_names(model)
    counts: Counter[str] = Counter()
    for graph in graphs:
        for operator in graph.tables(_OPERATORS):
            counts[names[_code(operator, names)]] += 1
    return counts, custom


def _code(operator: Table, names: list[str]) -> int:
    index = operator.number(0, "I")
    if index >= len(names):
        raise DamagedError("an operator that is not in the list of operators")
    return index


def _buffer_sizes(model: Table) -> list[int]:
    return [max(len(buffer.data(0)), buffer.number(2, "Q")) for buffer in model.tables(_BUFFERS)]


def _weights(model: Table, tensors: list[list[Table]]) -> Counter[str]:
    """Count the bytes of constant tensors; a buffer that several share counts once."""
    sizes = _buffer_sizes(model)
    counts: Counter[str] = Counter()
    seen = {0}  # the first buffer is that of tensors without one
    for part in tensors:
        for tensor in part:
            index = tensor.number(_BUFFER, "I")
            if index not in seen and index < len(sizes) and sizes[index]:
                seen.add(index)
                counts[_dtype(tensor)[0]] += sizes[index]
    return counts


def _metadata(model: Table, name: str) -> str:
    buffers = model.tables(_BUFFERS)
    for entry in model.tables(_METADATA):
        index = entry.number(1, "I")
        if entry.string(0) == name and index < len(buffers):
            return str(buffers[index].data(0), "ascii", "replace").rstrip("\0")
    return ""


def _at(tensors: list[Table], index: int) -> Table:
    if not 0 <= index < len(tensors):
        raise DamagedError("a tensor that is not in the list of tensors")
    return tensors[index]


def _dtype(tensor: Table) -> tuple[str, int]:
    number = tensor.number(_TYPE, "b")
    return _DTYPES[number] if 0 <= number < len(_DTYPES) else (f"type {number}", 0)


def _has_rank(tensor: Table) -> bool:
    """Whether the number of dimensions is known; files that do not say it have sizes."""
    return bool(tensor.length(_SHAPE) or tensor.number(_HAS_RANK, "B"))


def _is_quantised(tensor: Table) -> bool:
    quantization = tensor.table(_QUANTIZATION)
    return quantization is not None and quantization.length(2) > 0


def _spec(tensor: Table, name: str | None = None) -> TensorSpec:
    sizes = tensor.numbers(_SHAPE_SIGNATURE, "i") or tensor.numbers(_SHAPE, "i")
    shape = tuple(None if size < 0 else size for size in sizes) if _has_rank(tensor) else None
    return TensorSpec(name or tensor.string(_NAME), shape, _dtype(tensor)[0])
