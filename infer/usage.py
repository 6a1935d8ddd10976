"""How commands end: the exit statuses, and errors that are one line for the user."""

from __future__ import annotations

OK, FAILED, WRONG_USAGE, NOT_MEASURED, NOT_SURE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class UsageError(Exception):
    """Wrong usage or input: one line for the user."""


class MeasurementError(Exception):
    """A run that came to no end: one line for the user.

    Attributes:
        status: exit status of the command.
    """

    def __init__(self, message: str, status: int = NOT_MEASURED) -> None:
        super().__init__(message)
        self.status = status
