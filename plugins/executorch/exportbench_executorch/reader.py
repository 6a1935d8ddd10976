"""What an ExecuTorch program (.pte) says of itself, read without ExecuTorch.

The file is a flatbuffer, followed by the data of weights and delegates. Numbers of slots are as in
ExecuTorch's program.fbs.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from exportbench.errors import ArtifactError, DamagedError
from exportbench.formats.description import Description
from exportbench.formats.flatbuffer import Table
from exportbench.formats.map_file import map_file
from exportbench.tensors.precision import Precision, bits_of, precision_from, uncounted
from exportbench.tensors.signature import Signature, TensorSpec

from . import xnnpack

FORMAT = "executorch"
# At byte 4; the version of the schema is a number inside.
IDENTIFIER = b"ET12"
_EXTENDED = b"eh00"  # at byte 8, a header with the place of the data behind the flatbuffer

_VERSION, _METHODS, _INLINE, _SEGMENTS, _CONSTANTS = 0, 1, 3, 4, 5
_NAME, _VALUES, _INPUTS, _OUTPUTS, _CHAINS, _OPERATORS, _DELEGATES = 0, 2, 3, 4, 5, 6, 7
_SCALAR_TYPE, _SIZES, _BUFFER, _ALLOCATION, _DYNAMISM, _EXTRA = 0, 2, 5, 6, 8, 9
_INSTRUCTIONS = 2
# Kinds of a union: of values, of instructions.
_TENSOR = 5
_KERNEL_CALL, _DELEGATE_CALL = 1, 2
_IN_SEGMENT, _OUTSIDE = 1, 1
_KINDS = ("nothing", "null", "int", "bool", "double", "tensor", "string")
# Name and bits of an element, by number.
_DTYPES = {
    **{0: ("uint8", 8), 1: ("int8", 8), 2: ("int16", 16), 3: ("int32", 32), 4: ("int64", 64)},
    **{5: ("float16", 16), 6: ("float32", 32), 7: ("float64", 64), 11: ("bool", 8)},
    **{12: ("qint8", 8), 13: ("quint8", 8), 14: ("qint32", 32), 15: ("bfloat16", 16)},
    **{16: ("quint4x2", 8), 17: ("quint2x4", 8), 22: ("bits16", 16), 23: ("float8_e5m2", 8)},
    **{24: ("float8_e4m3fn", 8), 25: ("float8_e5m2fnuz", 8), 26: ("float8_e4m3fnuz", 8)},
    **{27: ("uint16", 16), 28: ("uint32", 32), 29: ("uint64", 64)},
}
_XNNPACK = "XnnpackBackend"


def describe(path: Path) -> Description:
    """Read the methods of a program.

    Raises:
        ArtifactError: it is of another version.
        DamagedError: it is damaged.
    """
    data = map_file(path)
    _check_version(path, data)
    program = Table.root(data)
    segments = _segments(data, program)
    signatures: dict[str, Signature] = {}
    weights: Counter[str] = Counter()
    operators: Counter[str] = Counter()
    notes: list[str] = []
    outside = False
    counted: set[int] = set()
    blobs: set[tuple[int, int]] = set()
    for method in program.tables(_METHODS):
        values = method.tables(_VALUES)
        name = method.string(_NAME)
        signatures[name] = Signature(
            *(
                tuple(
                    _spec(_at(values, index, "value"), f"{kind}_{number}")
                    for number, index in enumerate(method.numbers(slot, "i"))
                )
                for kind, slot in (("input", _INPUTS), ("output", _OUTPUTS))
            )
        )
        for tensor in map(_tensor, values):
            if tensor is None:
                continue
            buffer = tensor.number(_BUFFER, "I")
            outside |= _is_outside(tensor)
            if buffer and tensor.table(_ALLOCATION) is None and buffer not in counted:
                counted.add(buffer)
                dtype, bits = _dtype(tensor)
                weights[dtype] += math.prod(map(abs, tensor.numbers(_SIZES, "i"))) * bits // 8
        operators += _calls(method)
        bounded = _bounded(method, values)
        if bounded:
            notes.append(f"{name}: shapes may change, up to those given, of {', '.join(bounded)}")
        for delegate in method.tables(_DELEGATES):
            kind, place = delegate.string(0), _place(delegate)
            if kind != _XNNPACK or place in blobs:
                continue
            blobs.add(place)
            part = xnnpack.read(_blob(data, program, segments, place))
            weights += part.weights
            operators += part.operators
    if not signatures:
        raise DamagedError("holds no method")
    if outside:
        notes.append("keeps weights in a file of their own (.ptd), which is not taken")
    backends = sorted(
        {
            delegate.string(0)
            for method in program.tables(_METHODS)
            for delegate in method.tables(_DELEGATES)
        }
    )
    if backends:
        notes.append(f"parts of it were compiled for {', '.join(backends)}")
    return Description(
        FORMAT,
        f"schema {program.number(_VERSION, 'I')} of {IDENTIFIER.decode()}",
        "",  # the file does not say what wrote it
        signatures,
        dict(weights.most_common()),
        dict(operators.most_common()),
        notes=tuple(notes),
        executes_code=_code(backends),
        graph_precision=_quantised(signatures, weights),
    )


def _quantised(signatures: Mapping[str, Signature], weights: Mapping[str, int]) -> Precision | None:
    """The precision of a program with quantised weights; None if it has none."""
    bits = [bits for name in weights if (bits := bits_of(name)) is not None]
    if not bits:
        return None
    border = [
        spec.dtype
        for signature in signatures.values()
        for spec in (*signature.inputs, *signature.outputs)
    ]
    return precision_from(border, (), uncounted(min(bits)))


def _code(backends: list[str]) -> str | None:
    """Why a program can execute code: parts for other backends may be machine code."""
    others = [name for name in backends if name != _XNNPACK]
    return f"it has parts for {', '.join(others)}" if others else None


def _check_version(path: Path, data: memoryview) -> None:
    """Refuse a program of another version, whose tables may have other slots.

    Raises:
        ArtifactError: the file does not have the identifier of the version.
    """
    identifier = bytes(data[4:8])
    if identifier != IDENTIFIER:
        raise ArtifactError(
            f"{path}: an ExecuTorch program of the version {identifier.decode('ascii', 'replace')};"
            f" {IDENTIFIER.decode()} is read here: export it with a version of ExecuTorch that "
            "writes that"
        )


def _segments(data: memoryview, program: Table) -> list[tuple[int, int]]:
    """Start and size of each piece of data behind the flatbuffer; all are in the file."""
    tables = program.tables(_SEGMENTS)
    if not tables:
        return []
    if bytes(data[8:12]) != _EXTENDED or len(data) < 32:
        raise DamagedError("has data of its own, but no header that says where")
    (base,) = struct.unpack_from("<Q", data, 24)
    segments = [(base + table.number(0, "Q"), table.number(1, "Q")) for table in tables]
    for start, size in segments:
        if start + size > len(data):
            raise DamagedError(f"truncated: byte {start + size:,} of {len(data):,} is asked for")
    return segments


def _place(delegate: Table) -> tuple[int, int]:
    """Where the code of a delegate is: the kind of the place, and its number there."""
    reference = delegate.table(1)
    if reference is None:
        raise DamagedError("a delegate without code")
    return reference.number(0, "b"), reference.number(1, "I")


def _blob(
    data: memoryview, program: Table, segments: list[tuple[int, int]], place: tuple[int, int]
) -> memoryview:
    kind, index = place
    if kind == _IN_SEGMENT:
        if index >= len(segments):
            raise DamagedError("a delegate whose code is not there")
        start, size = segments[index]
        part: memoryview = data[start : start + size]
        return part
    inline: memoryview = _at(program.tables(_INLINE), index, "code of a delegate").data(0)
    return inline


def _calls(method: Table) -> Counter[str]:
    """How often each operator and each delegate is called, by name."""
    operators = [
        ".".join(filter(None, (operator.string(0), operator.string(1))))
        for operator in method.tables(_OPERATORS)
    ]
    delegates = [delegate.string(0) for delegate in method.tables(_DELEGATES)]
    counts: Counter[str] = Counter()
    for chain in method.tables(_CHAINS):
        for instruction in chain.tables(_INSTRUCTIONS):
            kind, call = instruction.number(0, "B"), instruction.table(1)
            names = {_KERNEL_CALL: operators, _DELEGATE_CALL: delegates}.get(kind)
            if names is None or call is None:
                continue
            index = call.number(0, "i")
            if not 0 <= index < len(names):
                raise DamagedError("a call of an operator that is not in the list")
            counts[names[index]] += 1
    return counts


def _bounded(method: Table, values: list[Table]) -> list[str]:
    """The inputs whose shape may change up to a bound, by name."""
    return [
        f"input_{number}"
        for number, index in enumerate(method.numbers(_INPUTS, "i"))
        if (tensor := _tensor(_at(values, index, "value"))) and tensor.number(_DYNAMISM, "b")
    ]


def _spec(value: Table, name: str) -> TensorSpec:
    """As the file has it: the sizes of a shape that may change are its largest."""
    tensor = _tensor(value)
    if tensor is None:
        kind = value.number(0, "B")
        return TensorSpec(name, (), _KINDS[kind] if kind < len(_KINDS) else f"kind {kind}")
    return TensorSpec(name, tuple(tensor.numbers(_SIZES, "i")), _dtype(tensor)[0])


def _tensor(value: Table) -> Table | None:
    return value.table(1) if value.number(0, "B") == _TENSOR else None


def _dtype(tensor: Table) -> tuple[str, int]:
    number = tensor.number(_SCALAR_TYPE, "b")
    return _DTYPES.get(number, (f"type {number}", 0))


def _is_outside(tensor: Table) -> bool:
    extra = tensor.table(_EXTRA)
    return extra is not None and extra.number(2, "b") == _OUTSIDE


def _at(tables: list[Table], index: int, what: str) -> Table:
    if not 0 <= index < len(tables):
        raise DamagedError(f"a {what} that is not there")
    return tables[index]
