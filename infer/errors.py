"""The errors that this package raises, in one hierarchy; each message is one line."""

from .exit_status import NOT_MEASURED, WRONG_USAGE


class ExportbenchError(Exception):
    """The base of all errors that are shown to the user in one line.

    Attributes:
        status: exit status of a command that ends with this error.
    """

    status = WRONG_USAGE


class ArtifactError(ExportbenchError):
    """An artifact is missing, incomplete, altered or of no known format.

    Attributes:
        cause: the kind of the error, by which a program knows it again.
    """

    cause = "unreadable"


class DamagedError(ArtifactError):
    """The bytes of a file violate its format, or are incomplete."""

    cause = "damaged"


class AlteredError(ArtifactError):
    """The files of an artifact are not those of its manifest, or of the run's beginning."""

    cause = "altered"


class MissingFileError(ArtifactError):
    """A file of an artifact is missing."""

    cause = "missing"


class NoRuntimeError(ArtifactError):
    """No runtime takes the format."""

    cause = "no runtime"


class InputError(ExportbenchError):
    """An inputs file cannot be read, or does not fit."""


class MetricError(ExportbenchError):
    """A metric cannot be calculated from these outputs and this truth."""


class MapError(ExportbenchError):
    """A rule or a file of rules cannot be read, or does not fit."""


class AmbiguousMatchError(ExportbenchError):
    """Several matches are possible: the message asks the user, with rules to choose from."""


class StoreError(ExportbenchError):
    """A run's folder cannot be opened."""


class BaselineError(ExportbenchError):
    """A baseline file is missing, damaged or has another version."""


class UsageError(ExportbenchError):
    """Wrong usage or input."""


class OptionError(UsageError):
    """An option has an invalid value.

    The message is for the command line; `for_python` names the keyword instead.
    """

    def __init__(self, keyword: str, value: object, reason: str, flag: str | None = None) -> None:
        """Describe the error.

        Args:
            keyword: the option's name in Python.
            value: the given value.
            reason: what is wrong with it, and what to give instead.
            flag: the option's name on the command line, if it differs from the keyword.
        """
        super().__init__(f"--{flag or keyword.replace('_', '-')} {value}: {reason}")
        self.for_python = f"{keyword}={str(value)!r}: {reason}"


class MeasurementError(ExportbenchError):
    """A run could not be finished.

    Attributes:
        status: exit status of the command.
    """

    def __init__(self, message: str, status: int = NOT_MEASURED) -> None:
        super().__init__(message)
        self.status = status
