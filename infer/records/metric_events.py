"""The event of metrics with what a gate needs to compare them with a baseline's."""

from __future__ import annotations

import msgspec
import numpy as np

from ..codec import DecodeError, Record
from ..metrics.score import Score
from .event import Event


class RecordedScore(Record, frozen=True, omit_defaults=True):
    """The value of a metric, as `infer.metrics.score` has it; arrays as bytes, base64 in JSON.

    Attributes:
        judged: whether a gate judges it without being told to.
        flags: of a share: for which samples it counts, a byte each.
        replicates: of others: its values on the resamples, eight bytes each.
        origin: what it was calculated from: task and outputs, or the user's function and its hash.
    """

    value: float
    samples: int
    lower_is_better: bool = False
    judged: bool = False
    flags: bytes = b""
    replicates: bytes = b""
    origin: str = ""

    def score(self) -> Score:
        """The score with arrays.

        Raises:
            DecodeError: an array has no whole number of values.
        """
        if len(self.replicates) % 8 or (self.flags and len(self.flags) != self.samples):
            raise DecodeError("a metric's values are damaged")
        return Score(
            self.value,
            self.samples,
            self.lower_is_better,
            np.frombuffer(self.flags, np.uint8) != 0 if self.flags else None,
            np.frombuffer(self.replicates, "<f8"),
        )


def recorded_score(score: Score, *, judged: bool, origin: str) -> RecordedScore:
    """The record of a score; the other arguments are its attributes."""
    return RecordedScore(
        score.value,
        score.samples,
        score.lower_is_better,
        judged,
        b"" if score.flags is None else score.flags.astype(np.uint8).tobytes(),
        np.asarray(score.replicates, "<f8").tobytes(),
        origin,
    )


class MetricsScored(Event, frozen=True, tag="metrics", kw_only=True):
    """The metrics of an artifact's outputs, by name.

    Attributes:
        missing: why some that the user asks for, or the labels allow, are not there; one line each.
    """

    artifact: str
    scores: dict[str, RecordedScore] = msgspec.field(default_factory=dict)
    missing: tuple[str, ...] = ()
