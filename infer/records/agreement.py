"""What is recorded of outputs beside those of another artifact."""

from __future__ import annotations

from ..codec import Record


class ScoredAnswer(Record, frozen=True):
    """What was answered for a sample: a class or a place in an output, and the value there."""

    label: str
    value: float | str


class DifferingSample(Record, frozen=True):
    """A sample that two artifacts answer differently.

    Attributes:
        sample: its number.
        answer, reference: both answers.
        true: the true class, where the inputs have labels.
        call_samples: of an output whose samples cannot be told apart, how many samples the call
            had that begins with this one.
    """

    sample: int
    answer: ScoredAnswer
    reference: ScoredAnswer
    true: str | None = None
    call_samples: int = 1


class OutputDifference(Record, frozen=True):
    """An output beside the reference's.

    Attributes:
        largest_difference: absolute.
        largest_relative_difference: as a share of the reference's value.
        tolerance: that the former may be.
        how: where the tolerance comes from, in words.
        passed: whether it is within.
        root_mean_square, root_mean_square_limit: of the differences, and what it may be, of a
            quantised model.
        channel: axis and place of a channel that differs by more than half of its own spread.
        slope: of the outputs over the reference's, if it is not near 1.
        values: number of its values.
        beyond: number of values that differ by more than the tolerance.
        at: place of the largest difference; None if no value is beyond the tolerance.
        call_samples: number of samples of the call that `at` begins with the first of, if they
            cannot be told apart.
        allowed_share: share of the values that may differ, by `--allow`; None if none may.
        texts: of an output of texts, the one at that place and the reference's.
        rows: of an output with rows of samples that were paired: number of rows; 0 of others.
        rows_beyond: number of pairs of rows with a value beyond the tolerance.
        lone_rows: rows of the artifact that have no partner, and rows of the reference; these
            differ by infinity.
        map: of an output that is a map, number of values beyond the tolerance in equal parts of it,
            over all samples; empty if there are none.
    """

    largest_difference: float
    largest_relative_difference: float
    tolerance: float
    how: str
    passed: bool
    root_mean_square: float | None = None
    root_mean_square_limit: float | None = None
    channel: tuple[int, int] | None = None
    slope: float | None = None
    values: int = 0
    beyond: int = 0
    at: tuple[int, ...] | None = None
    call_samples: int = 1
    allowed_share: float | None = None
    texts: tuple[str, str] | None = None
    rows: int = 0
    rows_beyond: int = 0
    lone_rows: tuple[int, int] = (0, 0)
    map: tuple[tuple[int, ...], ...] = ()


class AccuracyDifference(Record, frozen=True):
    """Of two accuracies on the same samples, as `infer.stats.accuracy` has it."""

    value: float
    low: float
    high: float
    gained: int
    lost: int
    samples: int


class MetricInterval(Record, frozen=True):
    """What is known of a metric beside its value: 95 % intervals, None where there is none.

    Attributes:
        lower_is_better: whether a lower value is better.
        judged: whether it tells how good the artifact is, so that reports show it first.
        low, high: of the value, as it could be on other samples.
        difference, difference_low, difference_high: of the value less the reference's on the same
            samples.
    """

    lower_is_better: bool
    judged: bool
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
