"""Decide when a run ends: at its number of generations, its resolution or its budget."""

from __future__ import annotations

from dataclasses import dataclass

from ..quantities import duration
from ..records.protocol import Protocol

# A run that checks its intervals after each generation stops when they happen to be narrow, and is
# wrong more often the earlier it may stop (`exportbench self-test` simulates it).
MIN_GENERATIONS_TO_RESOLVE = 10


@dataclass(frozen=True)
class RunStatus:
    """How far a run has come.

    Attributes:
        generations: number of finished generations.
        elapsed_s: seconds since its start, including earlier parts of a resumed run.
        generation_s: seconds of the longest generation.
        compared: number of artifacts that are compared with the reference.
        resolution: half-width of the widest interval so far, as a share; None if there is no
            interval yet, or nothing to compare.
    """

    generations: int
    elapsed_s: float
    generation_s: float
    compared: int
    resolution: float | None


def stop_reason(protocol: Protocol, status: RunStatus) -> str | None:
    """Why a run ends here; None if another generation follows."""
    count = status.generations
    if protocol.generations is not None and count >= protocol.generations:
        return f"all {count} generations were measured"
    if protocol.resolve is not None and count >= MIN_GENERATIONS_TO_RESOLVE:
        if not status.compared:
            return "there was nothing to compare"
        if status.resolution is not None and status.resolution <= protocol.resolve:
            return f"the resolution of {protocol.resolve:.1%} was reached"
    if (
        protocol.budget_s is not None
        and count
        and status.elapsed_s + status.generation_s > protocol.budget_s
    ):
        return f"the budget of {duration(protocol.budget_s)} was spent"
    return None
