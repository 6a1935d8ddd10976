"""Count how often comparisons of known artifacts are right.

A trial is a run of some generations. In each, pairs of byte copies are compared (A/A): to find a
difference between them is a false alarm. Copies that do a known share of work more are compared
too (A/B): how often that is found is the power, how often the interval holds the truth the
coverage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from ...stats.ratios import Ratio
from .known_artifacts import ADDED

# In a trial: what a short run has, and what ten minutes have, where turns in which the machine was
# slower are left out.
TRIALS = (6, 12)
# In a trial of a family, which is what a quick run has: several artifacts beside one reference,
# with the correction for their number.
FAMILY_TRIAL = 4


@dataclass(frozen=True)
class MeasuredRatio:
    """A measured ratio, and the true ratio."""

    ratio: Ratio
    truth: float


@dataclass(frozen=True)
class Verdicts:
    """The results of many comparisons.

    A comparison is one of two artifacts, or of a family of artifacts with their reference: that is
    a false alarm if any interval is, and covered if all intervals are.

    Attributes:
        title: what was compared, for the report.
        comparisons, false_alarms: of equal artifacts.
        false_alarm_interval: 95 %, exact binomial, for independent comparisons.
        bias: mean of the log of estimate over truth, of all comparisons.
        covered, intervals: how many of how many comparisons have intervals that hold the truth.
        half_width: of the intervals, the median.
        power: by the share of added work, how many of how many were found.
    """

    title: str
    comparisons: int
    false_alarms: int
    false_alarm_interval: tuple[float, float]
    bias: float
    covered: int
    intervals: int
    half_width: float
    power: dict[str, tuple[int, int]]


def verdicts(title: str, compared: Iterable[Sequence[MeasuredRatio]]) -> Verdicts:
    """Count the results of comparisons, each of which has intervals."""
    alarms = comparisons = covered = intervals = 0
    logs, widths = [], []
    power: dict[str, list[int]] = {f"{added:.0%}": [0, 0] for added in ADDED}
    for family in compared:
        alarm = holds = None
        for comparison in family:
            ratio, truth = comparison.ratio, comparison.truth
            low, high = ratio.low, ratio.high
            assert low is not None and high is not None
            if truth == 1:
                alarm = bool(alarm) or high < 1 or low > 1
            else:
                counts = power[f"{truth - 1:.0%}"]
                counts[0] += low > 1
                counts[1] += 1
            holds = holds is not False and low <= truth <= high
            logs.append(np.log(ratio.value / truth))
            widths.append(float(np.sqrt(high / low) - 1))
        comparisons += alarm is not None
        alarms += bool(alarm)
        intervals += holds is not None
        covered += bool(holds)
    interval = (0.0, 1.0)
    if comparisons:
        interval = scipy.stats.binomtest(alarms, comparisons).proportion_ci()
    return Verdicts(
        title=title,
        comparisons=comparisons,
        false_alarms=alarms,
        false_alarm_interval=(float(interval[0]), float(interval[1])),
        bias=float(np.mean(logs)) if logs else 0.0,
        covered=covered,
        intervals=intervals,
        half_width=float(np.median(widths)) if widths else 0.0,
        power={name: (detected, count) for name, (detected, count) in power.items() if count},
    )
