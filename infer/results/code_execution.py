"""Which formats can execute code when an artifact is loaded or run."""

from __future__ import annotations

from ..formats.registry import FORMATS
from .summary import ArtifactResult


def why(row: ArtifactResult) -> str | None:
    """Why loading an artifact can execute code; None if it cannot.

    A manifest is believed where it says that it can, and not where it says that it cannot: whoever
    makes an artifact writes its manifest.
    """
    known = FORMATS.get(row.format or "")
    if known and known.executes_code:
        return known.executes_code
    return "its manifest says so" if row.executes_code else None


def unknown(row: ArtifactResult) -> str | None:
    """Why the records of a run do not tell; None if they do."""
    known = FORMATS.get(row.format or "")
    if known is None or known.code_depends is None or why(row):
        return None
    return f"{known.code_depends}: exportbench inspect PATH tells"
