"""Format figures as text."""

from __future__ import annotations

from ..stats.ratios import Ratio
from .summary import Summary


def seconds(value: float | None) -> str:
    """Format a time in a suitable unit."""
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def interval(ratio: Ratio | None) -> str:
    """Format a ratio with its interval in brackets."""
    if ratio is None:
        return "-"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}"
    places = 3 if ratio.high - ratio.low < 0.1 else 2
    return f"{ratio.value:.{places}f} [{ratio.low:.{places}f}, {ratio.high:.{places}f}]"


def mebibytes(value: int | None) -> str:
    """Format a size in MiB."""
    return "-" if value is None else f"{value / 2**20:,.1f} MiB"


def joules(value: float | None) -> str:
    """Format an energy in a suitable unit."""
    if value is None:
        return "-"
    for unit, scale in (("J", 1.0), ("mJ", 1e-3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e6:.3g} µJ"


def conditions(summary: Summary) -> str:
    """Describe machine and setup in one line."""
    run = summary.run
    machine = run.environment
    there = len(machine.gpus)
    if summary.card:
        uuid, several = summary.card.uuid, f", one of {there} GPUs" if there > 1 else ""
        where = f"; on {summary.device} ({uuid}{several})"
    else:
        gpus = ", ".join(gpu.name for gpu in machine.gpus) or "no GPU"
        where = f", {gpus}; on {summary.device}"
    return (
        f"{machine.processor}, {machine.cores} cores{where} with "
        f"{run.threads} threads; {summary.generations} generations of processes, "
        f"{run.protocol.bursts} turns in each; load at start "
        f"{machine.load_average[0]:.1f}"
        + (f"; {summary.clock}" if summary.clock else "")
        + (f"; ended since {summary.ended}" if summary.ended else "")
    )
