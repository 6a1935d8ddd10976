"""What the baseline file holds of a metric."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
import numpy as np

from ..metrics.score import Score
from ..parity import predictions
from .kept_metric import KeptMetric, replicates_of
from .text_lines import from_lines, to_lines


class MetricFields(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A metric: its value, and what a comparison on the same samples needs.

    Attributes:
        value: its value on all samples.
        samples: number of the samples.
        lower_is_better: whether a lower value is better.
        judged: whether it is judged without a margin of its own.
        counted: of a share: for which samples it counts, in hexadecimal digits of four each.
        low, high: of others: the smallest and the largest value on the resamples.
        origin: what it was calculated from: task and outputs, or the user's function and its hash.
        resampled: the values on the resamples, in 65,534 steps from low to high, 16 bits each.
    """

    value: float
    samples: Annotated[int, msgspec.Meta(ge=1)]
    lower_is_better: bool = False
    judged: bool = False
    counted: list[str] = []
    low: float = 0.0
    high: float = 0.0
    origin: str = ""
    resampled: list[str] = []


def to_fields(kept: KeptMetric) -> MetricFields:
    """What the file holds of a metric."""
    score = kept.score
    low, high, steps = kept.steps()
    return MetricFields(
        value=score.value,
        samples=score.samples,
        lower_is_better=score.lower_is_better,
        judged=kept.judged,
        counted=[] if score.flags is None else predictions.pack(score.flags),
        low=low,
        high=high,
        origin=kept.origin,
        resampled=to_lines(steps, "<u2"),
    )


def from_fields(fields: MetricFields) -> KeptMetric:
    """The metric that the file holds.

    Raises:
        ValueError: it is not whole.
    """
    if not all(map(math.isfinite, (fields.value, fields.low, fields.high))):
        raise ValueError("a number is not finite")
    counted = predictions.unpack(fields.counted, fields.samples) if fields.counted else None
    steps = from_lines(fields.resampled, "<u2")
    replicates = replicates_of(fields.low, fields.high, np.asarray(steps))
    score = Score(fields.value, fields.samples, fields.lower_is_better, counted, replicates)
    return KeptMetric(score, fields.judged, fields.origin)
