"""When a run ends: at its number of generations, its resolution or its budget."""

from __future__ import annotations

import re
from dataclasses import dataclass

from infer.protocol import Protocol

# A run that looks at its intervals after each generation ends where they happen to be narrow, and
# is wrong more often the earlier it may end (`exportbench self-test` simulates it).
LEAST_TO_RESOLVE = 10
_LONGEST_S = 365 * 86400.0


@dataclass(frozen=True)
class Standing:
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


def ended(protocol: Protocol, standing: Standing) -> str | None:
    """Why a run ends here; None if another generation is to come."""
    count = standing.generations
    if protocol.generations is not None and count >= protocol.generations:
        return f"all {count} generations were measured"
    if protocol.resolve is not None and count >= LEAST_TO_RESOLVE:
        if not standing.compared:
            return "there was nothing to compare"
        if standing.resolution is not None and standing.resolution <= protocol.resolve:
            return f"the resolution of {protocol.resolve:.1%} was reached"
    if (
        protocol.budget_s is not None
        and count
        and standing.elapsed_s + standing.generation_s > protocol.budget_s
    ):
        return f"the budget of {duration(protocol.budget_s)} was spent"
    return None


def parse_duration(text: str) -> float:
    """Seconds of "90s", "10m", "1.5h", "5ms" or a plain number of seconds.

    Raises:
        ValueError: it is none of these, not positive, or more than a year.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", text.strip(), re.ASCII)
    seconds = (
        float(match[1]) * {"": 1, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[match[2]]
        if match
        else 0.0
    )
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{text!r} is no duration such as 90s, 10m or 1h")
    return seconds


def parse_share(text: str) -> float:
    """The share that "3%" or "0.03" means.

    Raises:
        ValueError: it is neither, or not between 0 and 1.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%|)", text.strip(), re.ASCII)
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share < 1:
        raise ValueError(f"{text!r} is no share such as 3% or 0.03")
    return share


def duration(seconds: float) -> str:
    """Seconds as a person says them: "45 s", "10 min", "1 h 5 min"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"
