"""The format of TensorFlow's SavedModel folders."""

from __future__ import annotations

from pathlib import Path

from ..base import Format
from ..content import Content
from .reader import check_assets, describe

_FILES = ("saved_model.pb", "saved_model.pbtxt")


def _has_marks(content: Content) -> bool:
    return content.path.name in _FILES


def _payload(path: Path) -> Path:
    return path if path.is_dir() else path.parent


FORMAT = Format(
    "saved-model",
    "SavedModel",
    executes_code="its graph may read and write files",
    names_functions=True,
    in_folder=_FILES,
    has_marks=_has_marks,
    payload=_payload,
    check_folder=check_assets,
    describe=describe,
)
