"""NVIDIA's cards, as reported by the driver's library (NVML).

What it does not tell is None: many calls are not supported on some cards, in containers, in WSL or
on MIG instances, need rights, or are missing from an older driver, and none of that ends a run.
Nothing is ever set: no clock, no limit, no mode.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pynvml

from .card_sample import Sample
from .nvml_library import as_flag, as_text, first_known, query

_SETTING = pynvml.nvmlClocksEventReasonApplicationsClocksSetting
# Counters of the nanoseconds throttled since the driver was loaded; by their numbers in nvml.h,
# since not every pynvml names them all. Drivers before 570 have settings under the last three
# numbers, which do not grow.
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


@dataclass(frozen=True)
class Memory:
    """Memory of a card or an instance, in bytes."""

    total: int
    used: int
    free: int


@dataclass(frozen=True)
class Card:
    """A card, or an instance of a card in MIG mode, of which a process sees only that instance.

    Attributes:
        index: number of the card, in the order of the PCI bus, as in nvidia-smi.
        uuid: UUID of the card or the instance, as CUDA_VISIBLE_DEVICES takes it.
        name: name of the card or the instance.
        mig: whether it is an instance; None for a card in MIG mode without instances.
        aliases: other names of an instance in CUDA_VISIBLE_DEVICES: the name of its card, and the
            name that drivers before 470 use.
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
        """The value of CUDA_VISIBLE_DEVICES with which a process sees only this card."""
        return self.uuid or str(self.index)

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.name} ({self.visible_as})"

    @property
    def compute_mode(self) -> str | None:
        """Who may use it: "default" for all, "exclusive process" or "prohibited"."""
        mode = query("nvmlDeviceGetComputeMode", self._parent)
        return _COMPUTE_MODES.get(mode, f"mode {mode}") if mode is not None else None

    @property
    def unusable(self) -> str | None:
        """Why no process can use it, and what to do; None if it can be used."""
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
        """Describe the card and its settings for JSON; None for values that are not reported.

        Returns:
            index, uuid, name, mig; driver; cuda: the version of CUDA that the driver
            has at most; memory_bytes; compute_mode; persistence: whether the driver stays loaded;
            power_limit_w; max_sm_mhz and max_memory_mhz; user_clocks: whether the user has set
            clocks; pcie_generation and pcie_width, as they are now, and their highest; ecc.
        """
        memory, parent = self.memory(), self._parent
        cuda = query("nvmlSystemGetCudaDriverVersion_v2")
        ecc = query("nvmlDeviceGetEccMode", parent)
        limit = query("nvmlDeviceGetEnforcedPowerLimit", parent)
        return {
            "index": self.index,
            "uuid": self.uuid,
            "name": self.name,
            "mig": self.mig,
            "driver": as_text(query("nvmlSystemGetDriverVersion")),
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda is not None else None,
            "memory_bytes": memory.total if memory else None,
            "compute_mode": self.compute_mode,
            "persistence": as_flag(query("nvmlDeviceGetPersistenceMode", parent)),
            "power_limit_w": limit / 1000 if limit is not None else None,
            "max_sm_mhz": query("nvmlDeviceGetMaxClockInfo", parent, pynvml.NVML_CLOCK_SM),
            "max_memory_mhz": query("nvmlDeviceGetMaxClockInfo", parent, pynvml.NVML_CLOCK_MEM),
            "user_clocks": self._user_clocks(),
            "pcie_generation": query("nvmlDeviceGetCurrPcieLinkGeneration", parent),
            "pcie_width": query("nvmlDeviceGetCurrPcieLinkWidth", parent),
            "max_pcie_generation": query("nvmlDeviceGetMaxPcieLinkGeneration", parent),
            "max_pcie_width": query("nvmlDeviceGetMaxPcieLinkWidth", parent),
            "ecc": as_flag(ecc[0]) if ecc is not None else None,
        }

    def _user_clocks(self) -> bool | None:
        """Whether the user has changed the application clocks, or locked the clocks."""
        answers = []
        for clock in (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM):
            default = query("nvmlDeviceGetDefaultApplicationsClock", self._parent, clock)
            now = query("nvmlDeviceGetApplicationsClock", self._parent, clock)
            if default is not None and now is not None:
                answers.append(default != now)
        answers.append(self._keep_to_setting(self._reasons()))
        known = [answer for answer in answers if answer is not None]
        return any(known) if known else None

    def _keep_to_setting(self, reasons: int | None) -> bool | None:
        """Whether a setting of the user's is among the reasons that hold the clocks down."""
        return None if reasons is None or not self._settings_are_told else bool(reasons & _SETTING)

    @cached_property
    def _settings_are_told(self) -> bool:
        """Whether the reason "setting" always means a setting of the user's.

        Not so if the default application clocks are below the card's highest clocks (V100).
        """
        sm = pynvml.NVML_CLOCK_SM
        default = query("nvmlDeviceGetDefaultApplicationsClock", self._parent, sm)
        most = query("nvmlDeviceGetMaxClockInfo", self._parent, sm)
        return default is None or most is None or default >= most

    def memory(self) -> Memory | None:
        """Its memory now. Memory that the driver reserves is neither used nor free."""
        info = query("nvmlDeviceGetMemoryInfo", self._handle, pynvml.nvmlMemory_v2)
        info = info or query("nvmlDeviceGetMemoryInfo", self._handle)
        return Memory(int(info.total), int(info.used), int(info.free)) if info else None

    def held_by(self, pid: int) -> int | None:
        """Bytes that a process holds on it; None if not reported.

        In a container the driver may report the process IDs of the host, which differ.
        """
        processes = query("nvmlDeviceGetComputeRunningProcesses", self._handle) or []
        held = [
            process.usedGpuMemory
            for process in processes
            if process.pid == pid and process.usedGpuMemory is not None
        ]
        return sum(held) if held else None

    @property
    def sm_mhz(self) -> int | None:
        """The clock of its multiprocessors now."""
        clock: int | None = query("nvmlDeviceGetClockInfo", self._parent, pynvml.NVML_CLOCK_SM)
        return clock

    def sample(self) -> Sample:
        """Read clocks, power, temperature, energy and reasons of throttling; takes some ms.

        For an instance, clocks, power, temperature and reasons are those of the card; the energy is
        left out, since it is that of all instances.
        """
        begin = time.perf_counter()
        parent = self._parent
        # Read in the order in which they change when calls end.
        sm_mhz, reasons = self.sm_mhz, self._reasons()
        power = query("nvmlDeviceGetPowerUsage", parent)
        celsius = pynvml.NVML_TEMPERATURE_GPU
        values: dict[str, Any] = {
            "sm_mhz": sm_mhz,
            "memory_mhz": query("nvmlDeviceGetClockInfo", parent, pynvml.NVML_CLOCK_MEM),
            "power_w": power / 1000 if power is not None else None,
            "temperature_c": first_known(
                query("nvmlDeviceGetTemperature", parent, celsius),
                # Its replacement from CUDA 13 on.
                lambda: query("nvmlDeviceGetTemperatureV", parent, celsius),
            ),
            "reasons": reasons,
            "user_clocks": self._keep_to_setting(reasons),
            "throttled_ns": self._throttled_ns(),
        }
        energy = None if self.mig else query("nvmlDeviceGetTotalEnergyConsumption", parent)
        at_s = time.perf_counter()
        return Sample(
            at_s=at_s,
            energy_j=energy / 1000 if energy is not None else None,
            read_s=at_s - begin,
            **values,
        )

    def _reasons(self) -> int | None:
        reasons: int | None = first_known(
            query("nvmlDeviceGetCurrentClocksEventReasons", self._parent),
            # The function's name before driver 535.
            lambda: query("nvmlDeviceGetCurrentClocksThrottleReasons", self._parent),
        )
        return reasons

    def _throttled_ns(self) -> dict[str, int]:
        values = query("nvmlDeviceGetFieldValues", self._parent, list(_COUNTERS.values())) or ()
        return {
            name: int(value.value.ullVal)
            for name, value in zip(_COUNTERS, values, strict=False)
            if value.nvmlReturn == pynvml.NVML_SUCCESS
        }


def cards() -> list[Card]:
    """List the driver's cards, in the order of the PCI bus; empty without a driver.

    Instead of a card in MIG mode, its instances are listed.
    """
    visible: list[Card] = []
    for index in range(query("nvmlDeviceGetCount") or 0):
        handle = query("nvmlDeviceGetHandleByIndex", index)
        if handle is None:  # it belongs to another container, or was lost
            continue
        uuid, name = (as_text(query(f"nvmlDeviceGet{what}", handle)) for what in ("UUID", "Name"))
        name = name or "a card without a name"
        mode = query("nvmlDeviceGetMigMode", handle)
        if not (mode and mode[0]):
            visible.append(Card(index, uuid, name, False, (), handle, handle))
            continue
        divided = Card(index, uuid, name, None, (), handle, handle)
        visible += _instances(divided) or [divided]
    return visible


def find(visible_as: str | None) -> Card | None:
    """Find the card that a plan names; None if there is none."""
    return next((card for card in cards() if card.visible_as == visible_as), None)


def _instances(card: Card) -> list[Card]:
    instances = []
    for number in range(query("nvmlDeviceGetMaxMigDeviceCount", card._handle) or 0):
        handle = query("nvmlDeviceGetMigDeviceHandleByIndex", card._handle, number)
        uuid = as_text(query("nvmlDeviceGetUUID", handle)) if handle is not None else None
        if uuid is None:  # without a UUID no process can use it
            continue
        name = as_text(query("nvmlDeviceGetName", handle))
        ids = [query(f"nvmlDeviceGet{kind}InstanceId", handle) for kind in ("Gpu", "Compute")]
        aliases = (card.uuid or "", f"MIG-{card.uuid}/{ids[0]}/{ids[1]}")
        instances.append(
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
    return instances
