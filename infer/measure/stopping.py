"""Decide when a run ends, and when an artifact rests: by generations, resolution or budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..quantities import duration
from ..records.protocol import Protocol
from ..results.queries import Resolution

# A run that checks its intervals after each generation stops when they happen to be narrow, and is
# wrong more often the fewer generations may stand behind them (`exportbench self-test` simulates
# it).
MIN_GENERATIONS_TO_RESOLVE = 10


@dataclass(frozen=True)
class RunStatus:
    """How far a run has come.

    Attributes:
        generations: number of finished generations.
        elapsed_s: seconds since its start, including earlier parts of a resumed run.
        generation_s: seconds of the longest generation.
        compared: number of artifacts that are compared with the reference.
        resolutions: how narrow the intervals of each of them are so far.
    """

    generations: int
    elapsed_s: float
    generation_s: float
    compared: int
    resolutions: Mapping[str, Resolution]


def stop_reason(protocol: Protocol, status: RunStatus) -> str | None:
    """Why a run ends here; None if another generation follows."""
    count = status.generations
    if protocol.generations is not None and count >= protocol.generations:
        return f"all {count} generations were measured"
    if protocol.resolve is not None and count >= MIN_GENERATIONS_TO_RESOLVE:
        if not status.compared:
            return "there was nothing to compare"
        if status.resolutions and resting(protocol, status) == status.resolutions.keys():
            return f"the resolution of {protocol.resolve:.1%} was reached"
    if (
        protocol.budget_s is not None
        and count
        and status.elapsed_s + status.generation_s > protocol.budget_s
    ):
        return f"the budget of {duration(protocol.budget_s)} was spent"
    return None


def resting(protocol: Protocol, status: RunStatus) -> set[str]:
    """Artifacts whose intervals are narrow enough, so that time goes to the others.

    Only the widths count, never which artifact is faster: no result is favoured. It is asked again
    after each generation. An artifact that was measured in fewer generations than the run has, or
    that lost some to a slow machine, goes on until it has enough of its own.
    """
    if protocol.resolve is None:
        return set()
    return {
        label
        for label, resolution in status.resolutions.items()
        if resolution.generations >= MIN_GENERATIONS_TO_RESOLVE
        and resolution.half_width is not None
        and resolution.half_width <= protocol.resolve
    }
