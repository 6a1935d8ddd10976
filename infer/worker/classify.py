"""Classify the error of an artifact: its outcome, and its text in one line."""

from __future__ import annotations

from ..outcome import Outcome
from ..runtimes.memory_errors import is_out_of_memory


def classify_error(error: Exception, otherwise: Outcome) -> Outcome:
    """Return `out_of_memory` if the error says so, otherwise the given outcome."""
    return Outcome.OUT_OF_MEMORY if is_out_of_memory(error) else otherwise


def one_line(error: BaseException) -> str:
    """Format an error in one line, its type first."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text[:300]}"
