"""What can be wrong with the files that a user gives."""


class ArtifactError(Exception):
    """An artifact that is missing, incomplete, altered or not understood."""


class DamagedError(ArtifactError):
    """Bytes that are not what their format says, or not all of it."""
