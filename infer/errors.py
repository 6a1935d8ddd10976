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


class OptionError(UsageError):
    """An option with a value that does not fit.

    The message is that of the command line; `for_python` names the keyword instead.
    """

    def __init__(self, keyword: str, value: object, reason: str, flag: str | None = None) -> None:
        """Describe the error.

        Args:
            keyword: the option's name from Python.
            value: that was given.
            reason: what is wrong with it, and what to say instead.
            flag: the option's name on the command line, where it is another than the keyword.
        """
        super().__init__(f"--{flag or keyword.replace('_', '-')} {value}: {reason}")
        self.for_python = f"{keyword}={str(value)!r}: {reason}"


class MeasurementError(ExportbenchError):
    """A run that could not be finished.

    Attributes:
        status: exit status of the command.
    """

    def __init__(self, message: str, status: int = NOT_MEASURED) -> None:
        super().__init__(message)
        self.status = status
