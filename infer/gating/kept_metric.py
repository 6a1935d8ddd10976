"""What a baseline keeps of a metric, so that it can be compared on the same samples later.

Of a share it is for which samples it counts; of any other metric its values on the resamples of
`infer.stats.resampling`, in 65,536 steps from the smallest to the largest. Their number does not
grow with that of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..metrics.score import Score

STEPS = 65_535
# The step of a value that is not finite.
NONE = STEPS


@dataclass(frozen=True)
class KeptMetric:
    """A metric of an entry.

    Attributes:
        score: its value, and what a paired comparison needs.
        judged: whether it is judged without a margin of its own.
        origin: what it was calculated from.
    """

    score: Score
    judged: bool = False
    origin: str = ""

    def in_steps(self) -> KeptMetric:
        """The metric as the file gives it back."""
        low, high, steps = self.steps()
        replicates = replicates_of(low, high, steps)
        return replace(self, score=replace(self.score, replicates=replicates))

    def steps(self) -> tuple[float, float, np.ndarray]:
        """The smallest and the largest value on the resamples, and the steps between, uint16."""
        values = self.score.replicates
        known = values[np.isfinite(values)]
        if not len(known):
            return 0.0, 0.0, np.full(len(values), NONE, np.uint16)
        low, high = float(known.min()), float(known.max())
        places = (values - low) / (high - low) if high > low else np.zeros(len(values))
        steps = np.where(np.isfinite(values), np.rint(places * (STEPS - 1)), NONE)
        return low, high, steps.astype(np.uint16)


def replicates_of(low: float, high: float, steps: np.ndarray) -> np.ndarray:
    """The values of steps; NaN where there is none."""
    values = low + (high - low) * steps.astype(np.float64) / (STEPS - 1)
    return np.where(steps == NONE, np.nan, values)
