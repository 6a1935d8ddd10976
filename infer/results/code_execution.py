"""Whether an artifact can execute code when it is loaded or run."""

from __future__ import annotations

from ..formats.registry import FORMATS
from .summary import ArtifactResult


def why(row: ArtifactResult) -> str | None:
    """Why loading an artifact can execute code; None if it cannot.

    A manifest is trusted only if it says that the artifact can: the artifact's author writes the
    manifest.
    """
    known = FORMATS.get(row.format or "")
    if known and known.executes_code:
        return known.executes_code
    return "its manifest says so" if row.executes_code else None


def unknown(row: ArtifactResult) -> str | None:
    """Why the records of a run do not tell that; None if they do."""
    known = FORMATS.get(row.format or "")
    if known is None or known.code_depends is None or why(row):
        return None
    return f"{known.code_depends}: exportbench inspect PATH tells"
