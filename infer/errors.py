"""The errors that this package raises, each with one line for the user: one tree."""

from .exit_status import NOT_MEASURED, WRONG_USAGE


class ExportbenchError(Exception):
    """Base of all errors that are explained to the user in one line.

    Attributes:
        status: exit status of a command that it ends.
    """

    status = WRONG_USAGE


class ArtifactError(ExportbenchError):
    """An artifact that is missing, incomplete, altered or not understood."""


class DamagedError(ArtifactError):
    """Bytes that are not what their format says, or not all of it."""


class InputError(ExportbenchError):
    """An inputs file that cannot be read, or does not fit."""


class MapError(ExportbenchError):
    """A rule or file of rules that cannot be read, or does not fit."""


class AmbiguousMatchError(ExportbenchError):
    """Several pairs fit: a question to the user, with the rules that would settle it."""


class StoreError(ExportbenchError):
    """A run's folder that cannot be taken up."""


class BaselineError(ExportbenchError):
    """A baseline file that is missing, damaged or of another version."""


class UsageError(ExportbenchError):
    """Wrong usage or input."""


class MeasurementError(ExportbenchError):
    """A run that could not be finished.

    Attributes:
        status: exit status of the command.
    """

    def __init__(self, message: str, status: int = NOT_MEASURED) -> None:
        super().__init__(message)
        self.status = status
