"""Events of outputs that are compared."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..outcome import Outcome
from .agreement import AccuracyDifference, DifferingSample, MetricInterval, OutputDifference
from .event import Event

# What decides whether an artifact passes; "nothing" where its numbers cannot and nothing else can.
DecidedBy = Literal["numbers", "labels", "accuracy", "nothing"]


class RoundingMeasured(Event, frozen=True, tag="rounding", kw_only=True):
    """How much rounding changes a reference: the same calls, with another number of threads.

    Attributes:
        device: device that it ran on.
        differences: largest difference by output; None where shapes differ, or one is not finite.
        failed: why it could not be run.
        batch, threads, samples: of the second run.
    """

    artifact: str
    device: str
    differences: dict[str, float | None]
    failed: str | None = None
    batch: int | None = None
    threads: int | None = None
    samples: int | None = None


class RandomnessMeasured(Event, frozen=True, tag="randomness", kw_only=True):
    """Whether an artifact whose outputs change between equal calls draws random numbers.

    Two fresh processes call on the same inputs again and again; a third gets other inputs first.

    Attributes:
        device: device that it ran on.
        overflow_hidden: whether it is of float16 and may have been calculated in float32, so that
            an overflow would not show.
        random: outputs that hold random numbers; the others that change depend on a kept state.
        changes: by how much an output changed when nothing else did; None where shapes differ, or
            one is not finite.
        repeats: whether a fresh process gave the same numbers again.
        failed: why it could not be found out.
    """

    artifact: str
    device: str
    random: tuple[str, ...]
    changes: dict[str, float | None]
    repeats: bool
    failed: str | None = None


class AnchorMeasured(Event, frozen=True, tag="anchor", kw_only=True):
    """An artifact run on the CPU, for what is measured on a card to be judged against.

    Attributes:
        reference: of its group.
        failed: why it could not be run there.
        differences: of its outputs on the card, by output.
    """

    artifact: str
    reference: str
    outcome: Outcome
    failed: str | None
    seconds: float | None = None
    threads: int | None = None
    batch: int | None = None
    samples: int | None = None
    differences: dict[str, float | None] = msgspec.field(default_factory=dict)


class ParityJudged(Event, frozen=True, tag="parity", kw_only=True):
    """The outputs of an artifact beside its reference's.

    Attributes:
        anchor: label of the artifact whose outputs on the CPU it was judged against.
        largest_difference, largest_relative_difference, tolerance, how: of the output that fails
            most, or is nearest to failing.
        decided_by: what decided whether it passes.
        reason: what decided about a quantised model, in words.
        equal_labels: share of the samples; None where there are no classes.
        unequal_samples, differing: some of the samples that are answered differently.
        metrics: of the task, with the truth of the inputs, by name.
        metric_intervals: of these, by name.
        correct: which samples were right, packed (`infer.parity.predictions`).
        repeats: whether a second call on the same inputs gave the same.
        random: outputs that hold random numbers, and by how much they change between equal calls.
        random_reference: the same of the reference; then its outputs judge nothing.
        by_neighbours: outputs of a sample that other samples in its call change, with the
            difference; None if they cannot be told apart, or one is not finite.
        doubts: why agreement would say little; of the reference.
        tolerance_doubts: tolerances that are large against the spread of the reference's outputs.
        quantisation_doubts: outputs of a quantised model that pass, and that a fault could have
            caused too.
    """

    artifact: str
    reference: str
    largest_difference: float
    largest_relative_difference: float
    tolerance: float
    how: str
    passed: bool
    by_output: dict[str, OutputDifference]
    decided_by: DecidedBy = "numbers"
    reason: str = ""
    differing: tuple[DifferingSample, ...] = ()
    equal_labels: float | None = None
    unequal_samples: tuple[int, ...] | None = None
    anchor: str | None = None
    metrics: dict[str, float] | None = None
    metric_intervals: dict[str, MetricInterval] = msgspec.field(default_factory=dict)
    correct: tuple[str, ...] | None = None
    accuracy_difference: AccuracyDifference | None = None
    notes: tuple[str, ...] = ()
    repeats: bool = True
    overflow_hidden: bool = False
    random: dict[str, float | None] = msgspec.field(default_factory=dict)
    random_reference: dict[str, float | None] = msgspec.field(default_factory=dict)
    by_neighbours: dict[str, float | None] = msgspec.field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    tolerance_doubts: tuple[str, ...] = ()
    quantisation_doubts: tuple[str, ...] = ()


class PairCompared(Event, frozen=True, tag="pair", kw_only=True):
    """The outputs of an artifact beside those of the former one.

    Attributes:
        incomparable: why they cannot be compared; the differences are None then.
        decided_by, reason, quantisation_doubts: as of `ParityJudged`.
    """

    artifact: str
    former: str
    passed: bool
    incomparable: str = ""
    decided_by: DecidedBy = "numbers"
    reason: str = ""
    largest_difference: float | None = None
    largest_relative_difference: float | None = None
    tolerance: float | None = None
    how: str | None = None
    by_output: dict[str, OutputDifference] = msgspec.field(default_factory=dict)
    differing: tuple[DifferingSample, ...] = ()
    equal_labels: float | None = None
    unequal_samples: tuple[int, ...] | None = None
    accuracy_difference: AccuracyDifference | None = None
    quantisation_doubts: tuple[str, ...] = ()
