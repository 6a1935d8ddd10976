"""The state of a card before and after a burst of calls: clocks, power, throttling, energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pynvml

# Energy and power of A100 and H100 are updated every 100 ms (Yang et al., "Part-time Power
# Measurements", 2023), and what is missed at the end of a burst is not balanced at its start.
# In a burst ten times as long the energy is at most 5 % too low on average.
LEAST_ENERGY_S = 1.0
# A throttling reason whose counter grew by less than this share of a burst is ignored.
_LEAST_THROTTLED = 0.01

_THROTTLE = {
    "sw_power_cap": pynvml.nvmlClocksEventReasonSwPowerCap,
    "hw_slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
    "sync_boost": pynvml.nvmlClocksEventReasonSyncBoost,
    "sw_thermal": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
    "hw_thermal": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
    "hw_power_brake": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
}


@dataclass(frozen=True)
class Sample:
    """The state of a card at one moment; None for values that the driver does not report.

    Attributes:
        at_s: `time.perf_counter` when the energy was read.
        sm_mhz: clock of the multiprocessors.
        memory_mhz: clock of the memory.
        power_w: power of the whole card, averaged over the last second on most cards.
        temperature_c: temperature of the chip.
        reasons: bits of the reasons why the clocks are not higher (nvmlClocksEventReason).
        user_clocks: whether a setting of the user's holds the clocks down.
        throttled_ns: time that it has been throttled so far, by reason, as far as reported.
        energy_j: energy used since the driver was loaded.
        read_s: seconds that this reading took.
    """

    at_s: float
    sm_mhz: int | None
    memory_mhz: int | None
    power_w: float | None
    temperature_c: int | None
    reasons: int | None
    user_clocks: bool | None
    throttled_ns: Mapping[str, int]
    energy_j: float | None
    read_s: float


def burst_summary(before: Sample, after: Sample) -> dict[str, Any]:
    """Summarise a burst of calls for the records, from samples before and after it.

    Returns:
        sm_mhz: before and after; memory_mhz, power_w, temperature_c: after. throttle: names of the
        reasons that slowed it, as they were before or after or as the card's counters of time grew
        between; [] where there was none and None where that is not told.
        user_clocks: whether a setting of the user's held the clocks down. energy_j: of the whole
        card, None also if the burst is too short. read_s: seconds that both readings took.
    """
    lasted_s = after.at_s - before.at_s
    both = [sample.reasons for sample in (before, after) if sample.reasons is not None]
    kept = [sample.user_clocks for sample in (before, after) if sample.user_clocks is not None]
    reasons = 0
    for bits in both:
        reasons |= bits
    grown = {
        name: after.throttled_ns[name] - then
        for name, then in before.throttled_ns.items()
        if name in after.throttled_ns
    }
    least_ns = _LEAST_THROTTLED * lasted_s * 1e9
    throttle = [
        name for name, bit in _THROTTLE.items() if reasons & bit or grown.get(name, 0) > least_ns
    ]
    energy = None
    if before.energy_j is not None and after.energy_j is not None and lasted_s >= LEAST_ENERGY_S:
        energy = after.energy_j - before.energy_j
    return {
        "sm_mhz": [before.sm_mhz, after.sm_mhz],
        "memory_mhz": after.memory_mhz,
        "power_w": after.power_w,
        "temperature_c": after.temperature_c,
        "throttle": throttle if both or grown else None,
        "user_clocks": any(kept) if kept else None,
        "energy_j": energy,
        "read_s": before.read_s + after.read_s,
    }
