"""The format of LiteRT (TensorFlow Lite)."""

from __future__ import annotations

from pathlib import Path

from ..base import Format
from ..content import Content
from .reader import IDENTIFIER, describe


def _has_marks(content: Content) -> bool:
    return content.head[4:8] == IDENTIFIER


def _has_name(path: Path) -> bool:
    return path.suffix == ".tflite"


FORMAT = Format(
    "litert",
    "LiteRT",
    executes_code=None,
    code_depends="it depends on its operators",
    names_functions=True,
    has_name=_has_name,
    has_marks=_has_marks,
    describe=describe,
)
