"""The format of torch.export's archives."""

from __future__ import annotations

from pathlib import Path

from ..aotinductor.reader import is_package
from ..base import Format
from ..content import Content
from .reader import describe, is_archive


def _has_marks(content: Content) -> bool:
    # An archive that holds compiled code too is AOTInductor's, which says what is wrong with it.
    return is_archive(content.entries) and not is_package(content.entries)


def _has_name(path: Path) -> bool:
    return path.suffix == ".pt2"


FORMAT = Format(
    "torch-export",
    "torch.export",
    executes_code="its graph may call any function of PyTorch",
    has_name=_has_name,
    has_marks=_has_marks,
    describe=describe,
)
