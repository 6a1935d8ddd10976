"""What a run says of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..records.parity_events import ParityJudged
from .run_context import RunContext


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        doing: in words.
        share: of the whole that is done, as far as can be said.
    """

    doing: str
    share: float


class ProgressReporter:
    """Tells whoever started a run how far it is."""

    def __init__(self, context: RunContext, tell: Callable[[Progress], None]) -> None:
        self._context = context
        self._tell = tell

    def preflight(self, number: int, count: int, label: str) -> None:
        """An artifact begins its preflight, as the first, second, ... of so many."""
        self._tell(Progress(f"preflight {number}/{count}: {label}", self._share()))

    def generation(self, doing: str) -> None:
        """Something is done in the generation that is being measured."""
        number = len(self._context.generation_seconds()) + 1
        self._tell(Progress(f"generation {number}: {doing}", self._share()))

    def _share(self) -> float:
        protocol = self._context.plan.protocol
        if protocol.budget_s:
            return min(1.0, self._context.elapsed_s() / protocol.budget_s)
        stages = len(self._context.generation_seconds()) + bool(
            self._context.store.of_type(ParityJudged)
        )
        return min(1.0, stages / ((protocol.generations or 1) + 1))
