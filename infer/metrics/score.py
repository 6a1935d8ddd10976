"""The value of a metric with what a paired comparison needs, now or years later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy

from ..stats.accuracy import paired_difference
from ..stats.ratios import CONFIDENCE
from ..stats.resampling import RESAMPLES, percentile_interval, resample_counts
from .metric import Drawn, Metric, Parts, mean

# Resamples without which there is no interval: 2.5 % of them are its ends.
FEWEST = 100


@dataclass(frozen=True)
class ValueInterval:
    """A value, and its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """The value of a metric on a number of samples.

    Attributes:
        value: its value.
        samples: number of the samples.
        lower_is_better: whether a lower value is better.
        flags: of a metric that is a share: for which samples it counts, bool N.
        replicates: of others: its values on the resamples of `infer.stats.resampling`; empty where
            these could not be calculated.
    """

    value: float
    samples: int
    lower_is_better: bool = False
    flags: np.ndarray | None = None
    replicates: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @cached_property
    def resampled(self) -> np.ndarray:
        """Its values on the resamples, of a share too."""
        if self.flags is None:
            return self.replicates
        share = mean("share", "flags", "")
        return _resampled([share], {"flags": self.flags})["share"]

    @property
    def interval(self) -> ValueInterval | None:
        """The value as it could be on other samples; None where that is not known."""
        if self.flags is not None:
            found = scipy.stats.binomtest(int(self.flags.sum()), self.samples)
            interval = found.proportion_ci(CONFIDENCE, method="wilson")
            return ValueInterval(self.value, float(interval.low), float(interval.high))
        return _of_replicates(self.value, self.replicates)


def difference(mine: Score, theirs: Score) -> ValueInterval | None:
    """The first value less the second, on the same samples; None where no interval is known.

    The interval is Tango's for shares (`infer.stats.accuracy`), and else that of a paired
    bootstrap by sample.
    """
    if mine.samples != theirs.samples:
        return None
    if mine.flags is not None and theirs.flags is not None:
        paired = paired_difference(mine.flags, theirs.flags)
        return ValueInterval(paired.value, paired.low, paired.high)
    both = min(len(mine.resampled), len(theirs.resampled))
    return _of_replicates(
        mine.value - theirs.value, mine.resampled[:both] - theirs.resampled[:both]
    )


def _of_replicates(value: float, replicates: np.ndarray) -> ValueInterval | None:
    known = replicates[np.isfinite(replicates)]
    # A metric that most resamples do not have says nothing of the others.
    if len(replicates) < FEWEST or len(known) < 0.9 * len(replicates):
        return None
    low, high = percentile_interval(known)
    return ValueInterval(value, min(low, value), max(high, value))


def scores_of_parts(metrics: Sequence[Metric], parts: Parts) -> dict[str, Score]:
    """Calculate metrics, and for each that is no share its values on the resamples.

    Args:
        metrics: the metrics; those of which a part is missing are left out.
        parts: the parts of all samples.

    Returns:
        The scores by name, without those that are not finite.
    """
    metrics = [metric for metric in metrics if set(metric.needs) <= parts.keys()]
    samples = len(next(iter(parts.values())))
    once = Drawn(parts, np.ones((1, samples)))
    values = {metric.name: float(metric.calculate(once)[0]) for metric in metrics}
    metrics = [metric for metric in metrics if np.isfinite(values[metric.name])]
    resampled = _resampled([metric for metric in metrics if metric.share_of is None], parts)
    return {
        metric.name: Score(
            values[metric.name],
            samples,
            metric.lower_is_better,
            parts[metric.share_of].astype(bool) if metric.share_of else None,
            resampled.get(metric.name, np.zeros(0)),
        )
        for metric in metrics
    }


def _resampled(metrics: Sequence[Metric], parts: Parts) -> Mapping[str, np.ndarray]:
    if not metrics:
        return {}
    samples = len(next(iter(parts.values())))
    found: dict[str, list[np.ndarray]] = {metric.name: [] for metric in metrics}
    for counts in resample_counts(samples, RESAMPLES):
        drawn = Drawn(parts, counts)
        for metric in metrics:
            found[metric.name].append(metric.calculate(drawn))
    return {name: np.concatenate(values) for name, values in found.items()}
