"""When a run ends: at its number of generations, its resolution or its budget."""

from __future__ import annotations

from dataclasses import dataclass

from ..quantities import duration
from ..records.protocol import Protocol

# A run that looks at its intervals after each generation ends where they happen to be narrow, and
# is wrong more often the earlier it may end (`exportbench self-test` simulates it).
MIN_GENERATIONS_TO_RESOLVE = 10


@dataclass(frozen=True)
class RunStatus:
    """How far a run has come.

    Attributes:
        generations: that were finished.
        elapsed_s: since its start, earlier parts of a resumed run included.
        generation_s: that the longest generation took.
        compared: how many artifacts are compared with the reference.
        resolution: half-width of the widest interval so far, as a share; None where there is
            none yet, or nothing to compare.
    """

    generations: int
    elapsed_s: float
    generation_s: float
    compared: int
    resolution: float | None


def stop_reason(protocol: Protocol, status: RunStatus) -> str | None:
    """Why a run ends here; None if another generation is to come."""
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
