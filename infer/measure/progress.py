"""The progress of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..best_effort import best_effort
from ..quantities import duration
from ..records.parity_events import ParityJudged
from .run_context import RunContext


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        doing: current activity, in words.
        share: estimated share of the run that is done.
        notice: an important notice that is to be read before the run ends; "" if there is none.
    """

    doing: str
    share: float
    notice: str = ""


class ProgressReporter:
    """Reports the progress of a run to its caller."""

    def __init__(self, context: RunContext, tell: Callable[[Progress], None]) -> None:
        self._context = context
        self._show = tell
        self._doing = ""

    def preflight(self, number: int, count: int, label: str) -> None:
        """Report that an artifact begins its preflight, as number `number` of `count`."""
        self._doing = f"preflight {number}/{count}: {label}"
        self._tell(self._doing)

    def samples(self, done: int, total: int, seconds: float) -> None:
        """Report how far the pass over all samples is.

        Args:
            done: number of samples that are done.
            total: of how many.
            seconds: since the pass began.
        """
        rate = done / max(seconds, 1e-9)
        left = duration((total - done) / max(rate, 1e-9))
        self._tell(f"{self._doing}: {done:,} of {total:,} samples, {rate:,.0f}/s, {left} left")

    def generation(self, doing: str) -> None:
        """Report an activity within the current generation."""
        number = len(self._context.generation_seconds()) + 1
        self._tell(f"generation {number}: {doing}")

    def activity(self, doing: str) -> None:
        """Report an activity outside of the generations."""
        self._tell(doing)

    def notice(self, text: str) -> None:
        """Report an important notice."""
        self._tell("", text)

    def _tell(self, doing: str, notice: str = "") -> None:
        standing = Progress(doing, self._share(), notice)
        # A terminal that went away is no reason to stop measuring.
        best_effort(lambda: self._show(standing), None, lambda error: None)

    def _share(self) -> float:
        protocol = self._context.plan.protocol
        if protocol.budget_s:
            return min(1.0, self._context.elapsed_s() / protocol.budget_s)
        stages = len(self._context.generation_seconds()) + bool(
            self._context.store.of_type(ParityJudged)
        )
        return min(1.0, stages / ((protocol.generations or 1) + 1))
