"""Possible outcomes of measuring an artifact."""

from __future__ import annotations

from enum import StrEnum

from .errors import ExportbenchError
from .exit_status import NOT_MEASURED


class Outcome(StrEnum):
    """The outcome of measuring one artifact: always exactly one of these."""

    OK = "ok"
    UNSUPPORTED = "unsupported"  # its runtime is not installed, or cannot take it
    LOAD_ERROR = "load_error"  # missing, altered, not trusted, or refused by its runtime
    BAD_INPUT = "bad_input"  # the inputs do not fit its signature
    OUT_OF_MEMORY = "out_of_memory"
    CRASH = "crash"  # its process ended by itself or by a signal
    HANG = "hang"  # no answer within the time limit
    WRONG_DEVICE = "wrong_device"  # ran on another device than was asked for
    NON_FINITE = "non_finite"  # outputs hold NaN or infinity
    PARITY_FAIL = "parity_fail"  # outputs differ from the reference's
    NOT_JUDGED = "not_judged"  # nothing can tell whether outputs differ, such as random ones

    @property
    def was_measured(self) -> bool:
        """Whether the artifact was measured to the end, so that it has outputs and times.

        Outputs that differ from the reference's, or cannot be judged, keep an artifact from being
        `ok`, not from being measured.
        """
        return self in (Outcome.OK, Outcome.PARITY_FAIL, Outcome.NOT_JUDGED)

    @property
    def is_about_outputs(self) -> bool:
        """Whether the artifact ran, and its outputs keep it from being `ok`."""
        return self in (Outcome.PARITY_FAIL, Outcome.NON_FINITE, Outcome.NOT_JUDGED)


class Failure(ExportbenchError):  # noqa: N818 - the public name
    """Measuring one artifact ended with another outcome than `ok`.

    Attributes:
        outcome: the outcome.
        reason: why, in one line.
        cause: the kind of the failure, in a few letters that stay the same from run to run, by
            which a program knows it again; "" where the outcome says all.
        untrusted: SHA-256 of an artifact that was not opened, since nobody has said that it is
            trusted; "" for other failures.
        is_shortened: whether the reason leaves out a part of the runtime's text, which the log of
            the worker has.
        index_limit: the largest index that a table of the artifact has, if an input was beyond it;
            0, which every table has, where the runtime does not tell.
    """

    status = NOT_MEASURED

    def __init__(
        self,
        outcome: Outcome,
        reason: str,
        *,
        is_shortened: bool = False,
        index_limit: int | None = None,
        cause: str = "",
        untrusted: str = "",
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.is_shortened = is_shortened
        self.index_limit = index_limit
        self.cause = cause
        self.untrusted = untrusted
