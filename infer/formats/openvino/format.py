"""The format of OpenVINO's intermediate representation."""

from __future__ import annotations

from pathlib import Path

from ..base import Format
from ..content import Content
from .reader import check_weights, describe, version_of, weights_of


def _has_marks(content: Content) -> bool:
    return version_of(content.head) is not None


def _companions(path: Path) -> list[Path]:
    return [weights_of(path)]


def _has_name(path: Path) -> bool:
    # Other files are called so too, but not beside weights.
    return path.suffix == ".xml" and path.with_suffix(".bin").is_file()


FORMAT = Format(
    "openvino",
    "OpenVINO IR",
    executes_code=None,  # operators of other libraries only where the caller has loaded these
    has_name=_has_name,
    has_marks=_has_marks,
    companions=_companions,
    check_weights=check_weights,
    describe=describe,
)
