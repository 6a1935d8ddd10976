"""The clock of a card at every burst, and the turns in which it was unusual.

NVML reports the clock of the streaming multiprocessors, and why it is lower than it could be. A
turn counts for all artifacts or for none, so that leaving it out favours none of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from .call_times import Bursts, Turn
from .disturbance import drop_disturbed_turns, drop_turns, turns_of

# Reasons for a low clock that have nothing to do with the artifact: the card is too hot, or its
# power supply fails. Not "sw_power_cap": a loaded card runs at its power limit, and an artifact
# that draws more power is slowed down by the limit in service too.
SLOWED = frozenset({"hw_slowdown", "hw_thermal", "hw_power_brake", "sw_thermal"})
# Relative distance from the usual clock from which a clock counts as unusual. Steps of a card's
# clock are under 1 % of it, and at the power limit the clock moves by several steps all the time.
UNUSUAL = 0.05

Name = TypeVar("Name")


@dataclass(frozen=True)
class Clock:
    """What NVML reported for a burst; None where it reported nothing.

    Attributes:
        sm_mhz: clock of the multiprocessors at the end of the burst.
        throttle: reasons why the clock was held low; empty if there was none.
    """

    sm_mhz: float | None
    throttle: tuple[str, ...] | None


# By artifact, the clock of each of its bursts of one kind, by turn.
Clocks = Mapping[Name, Mapping[Turn, Clock]]


def throttled(clocks: Clocks[Name]) -> set[Turn]:
    """Find the turns in which the card slowed itself down, whichever artifact ran."""
    return {
        turn
        for by_turn in clocks.values()
        for turn, clock in by_turn.items()
        if SLOWED.intersection(clock.throttle or ())
    }


def unusual(clocks: Clocks[Name]) -> set[Turn]:
    """Find the turns in which an artifact's clock differed from its usual clock.

    The usual clock is the median of the artifact's own clocks: an artifact that draws more power
    may always have a lower clock.
    """
    turns = set()
    for by_turn in clocks.values():
        known = {turn: clock.sm_mhz for turn, clock in by_turn.items() if clock.sm_mhz is not None}
        usual = statistics.median(known.values()) if known else 0.0
        turns |= {turn for turn, mhz in known.items() if abs(mhz - usual) > UNUSUAL * usual}
    return turns


def steady(bursts: Mapping[Name, Bursts], clocks: Clocks[Name]) -> dict[Name, Bursts]:
    """Leave out the turns in which the card throttled or its clock was unusual.

    If this would cost more than half of the generations, only the throttled turns are left out, and
    if these alone would cost as many, no turns are.
    """
    slowed = throttled(clocks)
    for turns in (slowed | unusual(clocks), slowed):
        if not turns:
            break
        left = drop_turns(bursts, turns)
        if left is not None:
            return left
    return dict(bursts)


def undisturbed(
    bursts: Mapping[Name, Bursts], device: str, clocks: Clocks[Name] | None = None
) -> dict[Name, Bursts]:
    """Leave out the disturbed turns; ratios are computed from the others.

    Args:
        bursts: bursts of calls of one kind, of every artifact of a run.
        device: device that they ran on.
        clocks: clocks of the same bursts, if they ran on a card.
    """
    return drop_disturbed_turns(steady(bursts, clocks or {}), device)


def notices(bursts: Mapping[Name, Bursts], clocks: Clocks[Name], workload: str) -> list[str]:
    """Say what a reader must know about the turns of one kind of calls on a card."""
    every, kept = turns_of(bursts), turns_of(steady(bursts, clocks))
    slowed, moved = throttled(clocks), unusual(clocks)
    reasons = sorted(
        {
            reason
            for by_turn in clocks.values()
            for c in by_turn.values()
            for reason in c.throttle or ()
        }
        & SLOWED
    )
    what = [f"throttled ({', '.join(reasons)})"] if slowed else []
    what += [f"had a clock over {UNUSUAL:.0%} off an artifact's usual one"] if moved else []
    events = f"{' or '.join(what)} ({workload})"
    unlike = slowed | moved
    if not unlike:
        return []
    if unlike.isdisjoint(kept):
        return [
            f"THROTTLED AT TIMES: in {len(every - kept)} of {len(every)} turns the card {events}; "
            "the ratios are those of the other turns."
        ]
    left_out = (
        f", and only the {len(every - kept)} in which it throttled were left out"
        if kept != every
        else ""
    )
    return [
        f"UNSTEADY CARD: in {len(unlike)} of {len(every)} turns the card {events}. These are too "
        f"many to leave out{left_out}: the ratios are those of a card in that state."
    ]


def unreported(clocks: Iterable[Clock]) -> list[str]:
    """Say that throttled turns cannot be recognised, if NVML does not report enough."""
    known = list(clocks)
    unknown = {
        "its clock": all(clock.sm_mhz is None for clock in known),
        "whether it throttled": all(clock.throttle is None for clock in known),
    }
    missing = [name for name, none in unknown.items() if none]
    if not known or not missing:
        return []
    return [
        f"CLOCK NOT TOLD: NVML does not say of this card {' or '.join(missing)}. Turns in which "
        "that changed could not be left out."
    ]


def described(clocks: Iterable[Clock]) -> str:
    """Describe the clock of a run in a few words; empty if NVML reported nothing."""
    known = list(clocks)
    mhz = [clock.sm_mhz for clock in known if clock.sm_mhz is not None]
    throttles = [clock.throttle for clock in known if clock.throttle is not None]
    if not mhz:
        return ""
    low, high = min(mhz), max(mhz)
    text = f"SM clock {high:,.0f} MHz at every burst"
    if low < high:
        text = f"SM clock {low:,.0f} to {high:,.0f} MHz, usually {statistics.median(mhz):,.0f}"
    limited = sum("sw_power_cap" in throttle for throttle in throttles)
    return text + (
        f", at the power limit in {limited / len(throttles):.0%} of bursts" if limited else ""
    )
