"""Classify the error of an artifact: its outcome, and its cause in one line."""

from __future__ import annotations

from ..outcome import Failure, Outcome
from ..runtimes.memory_errors import is_out_of_memory
from .error_causes import cause_of
from .error_text import shorten, with_type, without_locations
from .refused_reading import advice


def failure_of(error: Exception, otherwise: Outcome) -> Failure:
    """Describe an error that a runtime raised.

    Args:
        error: the error. Its text without a type is the reason of what is not supported, since
            our own code says that in words.
        otherwise: the outcome, if the error does not tell another.
    """
    whole = str(error)
    text = without_locations(whole)
    if is_out_of_memory(error):
        cause, outcome = None, Outcome.OUT_OF_MEMORY
    else:
        cause = cause_of(whole)
        outcome = cause.outcome or otherwise
    reason = cause.reason if cause else None
    if reason is None:
        reason = shorten(text or "no message")
        if not isinstance(error, NotImplementedError):
            reason = with_type(error, reason)
    return Failure(
        outcome,
        reason + advice(whole),
        is_shortened=text not in reason,
        index_limit=cause.index_limit if cause else None,
        cause=type(error).__name__,
    )
