"""The format of AOTInductor's packages."""

from __future__ import annotations

from ..base import Format
from ..content import Content
from .reader import describe, is_package


def _has_marks(content: Content) -> bool:
    return is_package(content.entries)


FORMAT = Format(
    "aotinductor",
    "AOTInductor",
    executes_code="it is a shared library",
    has_marks=_has_marks,
    describe=describe,
)
