"""Events of one artifact: what it is, its inputs, what its measurement came to."""

from __future__ import annotations

from ..artifacts.manifest import Manifest
from ..outcome import Outcome
from ..tensors.precision import Precision
from ..tensors.size_limits import SizeLimits
from .event import Event


class ArtifactOpened(Event, frozen=True, tag="artifact", kw_only=True):
    """An artifact; one that could not be read has no hash.

    Attributes:
        artifact: its label.
        path: as the user gave it.
        bytes: of the payload's files.
        manifest: without the list of files.
        precision: from the content of its files, or from the manifest where these do not tell it.
    """

    artifact: str
    path: str
    sha256: str | None
    format: str | None = None
    bytes: int | None = None
    manifest: Manifest | None = None
    precision: Precision | None = None


class OutcomeReached(Event, frozen=True, tag="outcome", kw_only=True):
    """What the measurement of an artifact came to.

    Attributes:
        early: whether it ended before it was measured to the end.
        cause: the kind of the failure, as `Failure.cause`.
        untrusted: as `Failure.untrusted`.
    """

    artifact: str
    outcome: Outcome
    reason: str
    early: bool
    cause: str = ""
    untrusted: str = ""


class InputsDrawn(Event, frozen=True, tag="random", kw_only=True):
    """Random inputs, drawn for the signature of an artifact; notes say how."""

    artifact: str
    notes: tuple[str, ...]
    sha256: str


class UnknownInformation(Event, frozen=True, tag="unknown", kw_only=True):
    """Information that could not be found out, which no outcome depends on.

    Attributes:
        artifact: label of the artifact; None if it is not about one.
        what: the information.
        reason: why it could not be found out.
    """

    artifact: str | None
    what: str
    reason: str


class BatchLimitsFound(Event, frozen=True, tag="batch", kw_only=True):
    """The numbers of samples that a call of an artifact may have, as found by trying.

    Attributes:
        failed: a number of samples that fails.
        reason: how it fails, in one line.
    """

    artifact: str
    limits: SizeLimits
    failed: int
    reason: str


class MeasuredApart(Event, frozen=True, tag="apart", kw_only=True):
    """An artifact that had too little memory beside others, and why."""

    artifact: str
    reason: str
