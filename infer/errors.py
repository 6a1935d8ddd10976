"""What can be wrong with what a user gives: one line each."""

from .exit_status import NOT_MEASURED


class ArtifactError(Exception):
    """An artifact that is missing, incomplete, altered or not understood."""


class DamagedError(ArtifactError):
    """Bytes that are not what their format says, or not all of it."""


class InputError(Exception):
    """An inputs file that cannot be read, or does not fit."""


class MapError(ValueError):
    """A rule or file of rules that cannot be read, or does not fit: one line for the user."""


class Ambiguous(ValueError):  # noqa: N818 - it is a question
    """Several pairs fit: a question to the user, with the rules that would settle it."""


class StoreError(Exception):
    """A run's folder that cannot be taken up: one line for the user."""


class BaselineError(Exception):
    """A baseline file that is missing, damaged or of another layout: one line for the user."""


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
