"""The ONNX format."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import DamagedError
from ..base import Format
from ..content import Content
from ..protobuf import Message
from .external_weights import check_weights, external_files
from .reader import describe

_MODEL_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}  # of ModelProto
_GRAPH_FIELDS = {1, 2, 5, 10, 11, 12, 13, 14, 15, 16}
_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8
# A version of the IR, and the field after it: producer, graph or operator set.
_BEGINNING = re.compile(rb"\x08[\x01-\x1f][\x12\x3a\x42]")


def _has_marks(content: Content) -> bool:
    return content.head[4:8] == b"ORTM"  # ONNX Runtime's own form


def _has_structure(content: Content) -> bool:
    try:
        model = Message(content.data)
    except DamagedError as error:
        if _BEGINNING.match(content.head):
            raise DamagedError(f"an ONNX file that is {error}") from None
        return False
    numbers = model.numbers()
    if not (_GRAPH in numbers and numbers <= _MODEL_FIELDS):
        return False
    try:
        return model.message(_GRAPH).numbers() <= _GRAPH_FIELDS
    except DamagedError as error:
        if _IR_VERSION in numbers and _OPSETS in numbers:
            raise DamagedError(f"an ONNX file whose graph is damaged ({error})") from None
        return False


def _has_name(path: Path) -> bool:
    return path.suffix == ".onnx"


FORMAT = Format(
    "onnx",
    "ONNX",
    # ONNX Runtime and OpenVINO run operators of other libraries only where the caller has loaded
    # these, which nothing here does.
    executes_code=None,
    has_name=_has_name,
    has_marks=_has_marks,
    has_structure=_has_structure,
    companions=external_files,
    check_weights=check_weights,
    describe=describe,
)
