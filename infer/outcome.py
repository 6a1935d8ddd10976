"""The ends that the measurement of an artifact can come to."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Every artifact ends in exactly one of these."""

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


class Failure(Exception):  # noqa: N818 - it is one, in words
    """The measurement of one artifact came to an end that is not `ok`."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
