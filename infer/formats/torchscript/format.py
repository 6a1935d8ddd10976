"""The TorchScript format."""

from __future__ import annotations

from ..base import Format
from ..content import Content
from .reader import describe


def _has_marks(content: Content) -> bool:
    names = content.entries
    return "constants.pkl" in names and any(name.startswith("code/") for name in names)


FORMAT = Format(
    "torchscript",
    "TorchScript",
    executes_code="the file holds a program",
    has_methods=True,
    has_marks=_has_marks,
    describe=describe,
)
