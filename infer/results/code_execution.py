"""Which formats can execute code when an artifact is loaded or run."""

from __future__ import annotations

from ..formats.code_execution import FORMATS, UNKNOWN
from .summary import ArtifactResult


def why(row: ArtifactResult) -> str | None:
    """Why loading an artifact can execute code; None if it cannot.

    A manifest is believed where it says that it can, and not where it says that it cannot: whoever
    makes an artifact writes its manifest.
    """
    if row.format in FORMATS:
        return FORMATS[row.format]
    return "its manifest says so" if row.executes_code else None


def unknown(row: ArtifactResult) -> str | None:
    """Why the records of a run do not tell; None if they do."""
    return None if why(row) else UNKNOWN.get(row.format or "")
