"""NVIDIA's cards, as the library of the driver (NVML) tells of them.

What it does not tell is None: many calls are not supported on some cards, in containers, in WSL or
on MIG instances, need rights, or are missing from an older driver, and none of that ends a run.
Nothing is ever set: no clock, no limit, no mode.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pynvml

# Energy and power of A100 and H100 are updated every 100 ms (Yang et al., "Part-time Power
# Measurements", 2023), and what is missed at the end of a burst is not made up for at its start.
# In a burst of ten such times the energy is at most 5 % too low on average.
LEAST_ENERGY_S = 1.0
# A counter that has grown by less than this share of a burst did not slow it.
_LEAST_THROTTLED = 0.01

_THROTTLE = {
    "sw_power_cap": pynvml.nvmlClocksEventReasonSwPowerCap,
    "hw_slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
    "sync_boost": pynvml.nvmlClocksEventReasonSyncBoost,
    "sw_thermal": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
    "hw_thermal": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
    "hw_power_brake": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
}
_SETTING = pynvml.nvmlClocksEventReasonApplicationsClocksSetting
# Nanoseconds that a card has throttled since the driver was loaded; by the numbers of nvml.h, since
# not every pynvml names them all. Under the last three, drivers before 570 have settings, which
# do not grow.
_COUNTERS = {
    "sw_power_cap": 74,
    "sync_boost": 76,
    "sw_thermal": 269,
    "hw_thermal": 270,
    "hw_power_brake": 271,
}
_COMPUTE_MODES = {
    pynvml.NVML_COMPUTEMODE_DEFAULT: "default",
    pynvml.NVML_COMPUTEMODE_PROHIBITED: "prohibited",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive process",
}
_started: list[Any] = []  # the library, once it has been initialised


@dataclass(frozen=True)
class Memory:
    """Memory of a card or an instance, in bytes."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class Sample:
    """What a card was at, at one moment; None for what is not told.

    Attributes:
        at_s: of `time.perf_counter`, when the energy was read.
        sm_mhz: clock of the multiprocessors.
        memory_mhz: clock of the memory.
        power_w: drawn by the whole card, over the last second on most.
        temperature_c: of the chip.
        reasons: bits of what keeps the clocks from being higher (nvmlClocksEventReason).
        user_clocks: whether that is a setting of the user's.
        throttled_ns: time that it has been throttled so far, by reason; those that are told.
        energy_j: used since the driver was loaded.
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


@dataclass(frozen=True)
class Card:
    """A card, or a MIG instance of one, which is all that a process can see of such a card.

    Attributes:
        index: of the card, in the order of the PCI bus, as nvidia-smi counts.
        uuid: of the card or the instance, as CUDA_VISIBLE_DEVICES takes it.
        name: of the card or the instance.
        mig: whether it is an instance; None for a card in MIG mode that has none.
        aliases: other names that CUDA_VISIBLE_DEVICES may have for an instance: that of its card,
            and that of drivers before 470.
    """

    index: int
    uuid: str | None
    name: str
    mig: bool | None = False
    aliases: tuple[str, ...] = ()
    _handle: Any = field(default=None, repr=False, compare=False)
    _parent: Any = field(default=None, repr=False, compare=False)

    @property
    def visible_as(self) -> str:
        """The value of CUDA_VISIBLE_DEVICES with which a process sees it and nothing else."""
        return self.uuid or str(self.index)

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.name} ({self.visible_as})"

    @property
    def compute_mode(self) -> str | None:
        """Who may use it: "default" for all, "exclusive process" or "prohibited"."""
        mode = _tell("nvmlDeviceGetComputeMode", self._parent)
        return _COMPUTE_MODES.get(mode, f"mode {mode}") if mode is not None else None

    @property
    def unusable(self) -> str | None:
        """Why no process can use it, and what to do; None where one can."""
        if self.mig is None:
            return (
                f"{self.title} is in MIG mode and has no instance: make one with nvidia-smi mig, "
                f"or end the mode with nvidia-smi -i {self.index} -mig 0"
            )
        if self.compute_mode == "prohibited":
            return (
                f"{self.title} is in compute mode prohibited: "
                f"nvidia-smi -i {self.index} -c DEFAULT, as root, lets processes use it"
            )
        return None

    def describe(self) -> dict[str, Any]:
        """What it is and how it is set up, as JSON takes it; None for what is not told.

        Returns:
            index, uuid, name, mig; driver; cuda: the version of CUDA that the driver
            has at most; memory_bytes; compute_mode; persistence: whether the driver stays loaded;
            power_limit_w; max_sm_mhz and max_memory_mhz; user_clocks: whether the user has set
            clocks; pcie_generation and pcie_width, as they are now, and their highest; ecc.
        """
        memory, parent = self.memory(), self._parent
        cuda = _tell("nvmlSystemGetCudaDriverVersion_v2")
        ecc = _tell("nvmlDeviceGetEccMode", parent)
        limit = _tell("nvmlDeviceGetEnforcedPowerLimit", parent)
        return {
            "index": self.index,
            "uuid": self.uuid,
            "name": self.name,
            "mig": self.mig,
            "driver": _text(_tell("nvmlSystemGetDriverVersion")),
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda is not None else None,
            "memory_bytes": memory.total if memory else None,
            "compute_mode": self.compute_mode,
            "persistence": _flag(_tell("nvmlDeviceGetPersistenceMode", parent)),
            "power_limit_w": limit / 1000 if limit is not None else None,
            "max_sm_mhz": _tell("nvmlDeviceGetMaxClockInfo", parent, pynvml.NVML_CLOCK_SM),
            "max_memory_mhz": _tell("nvmlDeviceGetMaxClockInfo", parent, pynvml.NVML_CLOCK_MEM),
            "user_clocks": self._user_clocks(),
            "pcie_generation": _tell("nvmlDeviceGetCurrPcieLinkGeneration", parent),
            "pcie_width": _tell("nvmlDeviceGetCurrPcieLinkWidth", parent),
            "max_pcie_generation": _tell("nvmlDeviceGetMaxPcieLinkGeneration", parent),
            "max_pcie_width": _tell("nvmlDeviceGetMaxPcieLinkWidth", parent),
            "ecc": _flag(ecc[0]) if ecc is not None else None,
        }

    def _user_clocks(self) -> bool | None:
        """Whether application clocks are other than the card's own, or clocks keep to a setting."""
        told = []
        for clock in (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM):
            own = _tell("nvmlDeviceGetDefaultApplicationsClock", self._parent, clock)
            now = _tell("nvmlDeviceGetApplicationsClock", self._parent, clock)
            if own is not None and now is not None:
                told.append(own != now)
        told.append(self._keep_to_setting(self._reasons()))
        known = [one for one in told if one is not None]
        return any(known) if known else None

    def _keep_to_setting(self, reasons: int | None) -> bool | None:
        """Whether the reasons say that a setting of the user's holds the clocks down."""
        return None if reasons is None or not self._settings_are_told else bool(reasons & _SETTING)

    @cached_property
    def _settings_are_told(self) -> bool:
        """Whether clocks that keep to a setting keep to one of the user's.

        Not so where application clocks are below the card's highest as it comes (V100).
        """
        sm = pynvml.NVML_CLOCK_SM
        own = _tell("nvmlDeviceGetDefaultApplicationsClock", self._parent, sm)
        most = _tell("nvmlDeviceGetMaxClockInfo", self._parent, sm)
        return own is None or most is None or own >= most

    def memory(self) -> Memory | None:
        """Its memory now. What the driver keeps for itself is neither used nor free."""
        found = _tell("nvmlDeviceGetMemoryInfo", self._handle, pynvml.nvmlMemory_v2)
        found = found or _tell("nvmlDeviceGetMemoryInfo", self._handle)
        return Memory(int(found.total), int(found.used), int(found.free)) if found else None

    def held_by(self, pid: int) -> int | None:
        """Bytes that a process holds on it; None where that is not told.

        In a container the driver may tell the host's numbers of processes, which are others.
        """
        processes = _tell("nvmlDeviceGetComputeRunningProcesses", self._handle) or []
        held = [
            process.usedGpuMemory
            for process in processes
            if process.pid == pid and process.usedGpuMemory is not None
        ]
        return sum(held) if held else None

    @property
    def sm_mhz(self) -> int | None:
        """The clock of its multiprocessors now."""
        clock: int | None = _tell("nvmlDeviceGetClockInfo", self._parent, pynvml.NVML_CLOCK_SM)
        return clock

    def sample(self) -> Sample:
        """Read clocks, power, temperature, energy and reasons of throttling; some ms.

        Of an instance, clocks, power, temperature and reasons are the card's; energy is not told,
        for it is that of all instances.
        """
        begin = time.perf_counter()
        parent = self._parent
        # In the order in which they change when calls end.
        sm_mhz, reasons = self.sm_mhz, self._reasons()
        power = _tell("nvmlDeviceGetPowerUsage", parent)
        celsius = pynvml.NVML_TEMPERATURE_GPU
        values: dict[str, Any] = {
            "sm_mhz": sm_mhz,
            "memory_mhz": _tell("nvmlDeviceGetClockInfo", parent, pynvml.NVML_CLOCK_MEM),
            "power_w": power / 1000 if power is not None else None,
            "temperature_c": _first(
                _tell("nvmlDeviceGetTemperature", parent, celsius),
                # What is to take its place from CUDA 13 on.
                lambda: _tell("nvmlDeviceGetTemperatureV", parent, celsius),
            ),
            "reasons": reasons,
            "user_clocks": self._keep_to_setting(reasons),
            "throttled_ns": self._throttled_ns(),
        }
        energy = None if self.mig else _tell("nvmlDeviceGetTotalEnergyConsumption", parent)
        at_s = time.perf_counter()
        return Sample(
            at_s=at_s,
            energy_j=energy / 1000 if energy is not None else None,
            read_s=at_s - begin,
            **values,
        )

    def _reasons(self) -> int | None:
        found: int | None = _first(
            _tell("nvmlDeviceGetCurrentClocksEventReasons", self._parent),
            # Its name before driver 535.
            lambda: _tell("nvmlDeviceGetCurrentClocksThrottleReasons", self._parent),
        )
        return found

    def _throttled_ns(self) -> dict[str, int]:
        values = _tell("nvmlDeviceGetFieldValues", self._parent, list(_COUNTERS.values())) or ()
        return {
            name: int(value.value.ullVal)
            for name, value in zip(_COUNTERS, values, strict=False)
            if value.nvmlReturn == pynvml.NVML_SUCCESS
        }


def cards() -> list[Card]:
    """The cards that the driver tells of, in the order of the PCI bus; empty without a driver.

    A card in MIG mode is not among them: its instances are.
    """
    found: list[Card] = []
    for index in range(_tell("nvmlDeviceGetCount") or 0):
        handle = _tell("nvmlDeviceGetHandleByIndex", index)
        if handle is None:  # of another user's container, or lost
            continue
        uuid, name = (_text(_tell(f"nvmlDeviceGet{what}", handle)) for what in ("UUID", "Name"))
        name = name or "a card without a name"
        mode = _tell("nvmlDeviceGetMigMode", handle)
        if not (mode and mode[0]):
            found.append(Card(index, uuid, name, False, (), handle, handle))
            continue
        divided = Card(index, uuid, name, None, (), handle, handle)
        found += _instances(divided) or [divided]
    return found


def find(visible_as: str | None) -> Card | None:
    """The card that a plan names; None where there is none."""
    return next((card for card in cards() if card.visible_as == visible_as), None)


def _instances(card: Card) -> list[Card]:
    found = []
    for number in range(_tell("nvmlDeviceGetMaxMigDeviceCount", card._handle) or 0):
        handle = _tell("nvmlDeviceGetMigDeviceHandleByIndex", card._handle, number)
        uuid = _text(_tell("nvmlDeviceGetUUID", handle)) if handle is not None else None
        if uuid is None:  # no process can be told to use it
            continue
        name = _text(_tell("nvmlDeviceGetName", handle))
        ids = [_tell(f"nvmlDeviceGet{kind}InstanceId", handle) for kind in ("Gpu", "Compute")]
        aliases = (card.uuid or "", f"MIG-{card.uuid}/{ids[0]}/{ids[1]}")
        found.append(
            Card(
                card.index,
                uuid,
                name if name and name != card.name else f"{card.name} MIG",
                True,
                aliases,
                handle,
                card._handle,
            )
        )
    return found


def problem() -> str | None:
    """Why the library of a driver that is there does not start; None where all is well.

    None too where there is no driver: most machines have none.
    """
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError) as error:
        absent = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return (
            None
            if getattr(error, "value", None) in absent
            else f"NVIDIA's driver says: {str(error).rstrip('.')}"
        )
    return None


def burst(before: Sample, after: Sample) -> dict[str, Any]:
    """What is recorded of a burst of calls, from samples before and after it.

    Returns:
        sm_mhz: before and after; memory_mhz, power_w, temperature_c: after. throttle: names of the
        reasons that slowed it, as they were before or after or as the card's counters of time grew
        between; [] where there was none and None where that is not told.
        user_clocks: whether clocks kept to a setting of the user's. energy_j: of the whole card,
        None also for a burst that is too short to tell. read_s: what both readings took.
    """
    lasted_s = after.at_s - before.at_s
    both = [sample.reasons for sample in (before, after) if sample.reasons is not None]
    kept = [sample.user_clocks for sample in (before, after) if sample.user_clocks is not None]
    reasons = 0
    for own in both:
        reasons |= own
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


def _library() -> Any | None:
    """The library, initialised for as long as this process lives; None where there is no driver.

    To begin and to end take tens of milliseconds, and while it is there the driver stays loaded.
    """
    if pynvml not in _started:
        try:
            pynvml.nvmlInit()
        except (pynvml.NVMLError, OSError):
            return None
        _started.append(pynvml)
    return pynvml


def _tell(function: str, *arguments: Any) -> Any:
    """What a function of the library answers; None where it does not."""
    library = _library()
    if library is None:
        return None
    try:
        call: Callable[..., Any] = getattr(library, function)
        return call(*arguments)
    except (library.NVMLError, AttributeError, OSError, TypeError, ValueError):
        return None


def _first(value: Any, otherwise: Callable[[], Any]) -> Any:
    return otherwise() if value is None else value


def _text(value: Any) -> str | None:
    """Older versions of pynvml give bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
