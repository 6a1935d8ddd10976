"""Format figures as text. A figure has three digits and a unit that fits it, never an exponent."""

from __future__ import annotations

import math

from ..stats.ratios import Ratio
from .summary import Summary

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_ENERGIES = ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"))


def three_digits(value: float) -> str:
    """Format a number with three digits, or all digits before the point: "0.0123", "1.20"."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    # Rounding may carry into another digit: 9.996 is 10.0.
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"{value:,.{max(2 - exponent, 0)}f}"


def percent(share: float) -> str:
    """Format a share of one in per cent, with one place below 10 %."""
    return f"{share:.1%}" if share < 0.1 else f"{share:,.0%}"


def seconds(value: float | None) -> str:
    """Format a time in a suitable unit."""
    return _in_unit(value, _TIMES)


def difference(value: float | None) -> str:
    """Format a largest difference of outputs, which is compared with a tolerance."""
    if value is None:
        return "-"
    return f"{value:.1e}" if 0 < value < 1e-3 or value >= 1e6 else three_digits(value)


def interval(ratio: Ratio | None) -> str:
    """Format a ratio with its interval in brackets."""
    if ratio is None:
        return "-"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}" if ratio.value >= 0.1 else three_digits(ratio.value)
    width = ratio.high - ratio.low
    places = 3 if width < 0.1 else 2 if width < 10 else 1 if width < 100 else 0
    if 0 < ratio.high < 0.1:
        places = 2 - math.floor(math.log10(ratio.high))
    return f"{ratio.value:.{places}f} [{ratio.low:.{places}f}, {ratio.high:,.{places}f}]"


def binary_size(value: int | None) -> str:
    """Format a size in MiB, or in KiB where it is smaller than one."""
    if value is None:
        return "-"
    return f"{value / 2**20:,.1f} MiB" if value >= 2**20 else f"{value / 2**10:,.1f} KiB"


def joules(value: float | None) -> str:
    """Format an energy in a suitable unit."""
    return _in_unit(value, _ENERGIES)


def _in_unit(value: float | None, units: tuple[tuple[float, str], ...]) -> str:
    """Format a value in the largest of the units in which it is at least 1, or in the smallest.

    Args:
        value: in the first unit; None for none.
        units: sizes and names, the largest first.
    """
    if value is None:
        return "-"
    rounded = float(f"{value:.2e}")
    scale, unit = next((unit for unit in units if abs(rounded) >= unit[0]), units[-1])
    return f"{three_digits(value / scale)} {unit}" if value else f"0 {units[0][1]}"


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
    generations = "generation" if summary.generations == 1 else "generations"
    return (
        f"{machine.processor}, {machine.cores} cores{where} with "
        f"{run.threads} threads; {summary.generations} {generations} of processes, "
        f"{run.protocol.bursts} turns in each; load at start "
        f"{machine.load_average[0]:.1f}"
        + (f"; {summary.clock}" if summary.clock else "")
        + (f"; ended since {summary.ended}" if summary.ended else "")
    )
