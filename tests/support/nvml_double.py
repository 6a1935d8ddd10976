"""A driver's library that stands for NVML: cards, MIG instances, and errors by function."""

# ruff: noqa: N802

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml

GIB = 2**30
SUPPORTED = 0


@dataclass
class Device:
    """A card, or an instance of one; what a test alters shows at the next call."""

    uuid: str = "GPU-11111111-1111-1111-1111-111111111111"
    name: str = "NVIDIA H100 80GB HBM3"
    mode: int = pynvml.NVML_COMPUTEMODE_DEFAULT
    mig: bool = False
    instances: list[Device | None] = field(default_factory=list)
    total: int = 80 * GIB
    used: int = GIB
    held: dict[int, int | None] = field(default_factory=dict)  # by process
    sm_mhz: int = 1980
    reasons: int = 0
    energy_mj: int = 1_000_000
    throttled_ns: dict[int, int] = field(default_factory=dict)  # by field
    clocks: tuple[int, int] = (1980, 1980)  # of applications: the default, and as it is set


class Nvml:
    """What `import pynvml` gives, with other cards.

    Args:
        devices: in the order of the PCI bus.
        errors: what functions raise, by their names: an error of pynvml's by its number.
        starts: what nvmlInit raises; None where it starts.
    """

    NVMLError = pynvml.NVMLError

    def __init__(
        self,
        *devices: Device,
        errors: dict[str, int] | None = None,
        starts: int | None = None,
        as_bytes: bool = False,
    ) -> None:
        self.devices = list(devices)
        self.errors = errors or {}
        self._starts = starts
        self._as_bytes = as_bytes
        self.calls: list[str] = []
        self.begun = 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("nvml") and callable(getattr(pynvml, name, None)):
            answer = getattr(type(self), f"_{name}", None)

            def call(*arguments: Any) -> Any:
                self.calls.append(name)
                if not self.begun and name != "nvmlInit":
                    raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
                if name in self.errors:
                    raise pynvml.NVMLError(self.errors[name])
                if answer is None:
                    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
                return answer(self, *arguments)

            return call
        return getattr(pynvml, name)

    def _told(self, text: str) -> str | bytes:
        return text.encode() if self._as_bytes else text

    def _nvmlInit(self) -> None:
        if self._starts is not None:
            raise pynvml.NVMLError(self._starts)
        self.begun += 1

    def _nvmlDeviceGetCount(self) -> int:
        return len(self.devices)

    def _nvmlDeviceGetHandleByIndex(self, index: int) -> Device:
        return self.devices[index]

    def _nvmlDeviceGetName(self, handle: Device) -> str | bytes:
        return self._told(handle.name)

    def _nvmlDeviceGetUUID(self, handle: Device) -> str | bytes:
        return self._told(handle.uuid)

    def _nvmlSystemGetDriverVersion(self) -> str | bytes:
        return self._told("580.65.06")

    def _nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return 13000

    def _nvmlDeviceGetMigMode(self, handle: Device) -> list[int]:
        return [int(handle.mig), int(handle.mig)]

    def _nvmlDeviceGetMaxMigDeviceCount(self, handle: Device) -> int:
        return len(handle.instances)

    def _nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Device, index: int) -> Device:
        instance = handle.instances[index]
        if instance is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return instance

    def _nvmlDeviceGetGpuInstanceId(self, handle: Device) -> int:
        return next(
            number
            for card in self.devices
            for number, instance in enumerate(card.instances)
            if instance is handle
        )

    def _nvmlDeviceGetComputeInstanceId(self, handle: Device) -> int:
        return 0

    def _nvmlDeviceGetMemoryInfo(self, handle: Device, version: int | None = None) -> Any:
        return SimpleNamespace(
            total=handle.total, used=handle.used, free=handle.total - handle.used
        )

    def _nvmlDeviceGetComputeRunningProcesses(self, handle: Device) -> list[Any]:
        return [SimpleNamespace(pid=p, usedGpuMemory=b) for p, b in handle.held.items()]

    def _nvmlDeviceGetComputeMode(self, handle: Device) -> int:
        return handle.mode

    def _nvmlDeviceGetPersistenceMode(self, handle: Device) -> int:
        return 1

    def _nvmlDeviceGetEccMode(self, handle: Device) -> list[int]:
        return [1, 1]

    def _nvmlDeviceGetEnforcedPowerLimit(self, handle: Device) -> int:
        return 700_000

    def _nvmlDeviceGetPowerUsage(self, handle: Device) -> int:
        return 123_400

    def _nvmlDeviceGetTemperature(self, handle: Device, sensor: int) -> int:
        return 41

    def _nvmlDeviceGetTemperatureV(self, handle: Device, sensor: int) -> int:
        return 41

    def _nvmlDeviceGetClockInfo(self, handle: Device, clock: int) -> int:
        return {pynvml.NVML_CLOCK_SM: handle.sm_mhz, pynvml.NVML_CLOCK_MEM: 2619}[clock]

    def _nvmlDeviceGetMaxClockInfo(self, handle: Device, clock: int) -> int:
        return {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 2619}[clock]

    def _nvmlDeviceGetDefaultApplicationsClock(self, handle: Device, clock: int) -> int:
        return handle.clocks[0]

    def _nvmlDeviceGetApplicationsClock(self, handle: Device, clock: int) -> int:
        return handle.clocks[1]

    def _nvmlDeviceGetCurrentClocksEventReasons(self, handle: Device) -> int:
        return handle.reasons

    def _nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: Device) -> int:
        return handle.reasons

    def _nvmlDeviceGetTotalEnergyConsumption(self, handle: Device) -> int:
        return handle.energy_mj

    def _nvmlDeviceGetFieldValues(self, handle: Device, fields: list[int]) -> list[Any]:
        return [
            SimpleNamespace(
                nvmlReturn=SUPPORTED
                if number in handle.throttled_ns
                else pynvml.NVML_ERROR_NOT_SUPPORTED,
                value=SimpleNamespace(ullVal=handle.throttled_ns.get(number, 0)),
            )
            for number in fields
        ]

    def _nvmlDeviceGetCurrPcieLinkGeneration(self, handle: Device) -> int:
        return 5

    def _nvmlDeviceGetCurrPcieLinkWidth(self, handle: Device) -> int:
        return 16

    def _nvmlDeviceGetMaxPcieLinkGeneration(self, handle: Device) -> int:
        return 5

    def _nvmlDeviceGetMaxPcieLinkWidth(self, handle: Device) -> int:
        return 16


def divided_card() -> Device:
    """A card in MIG mode, with two instances and a place where there is none."""
    instances = [
        Device(
            uuid=f"MIG-{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}",
            name="NVIDIA H100 80GB HBM3 MIG 1g.10gb",
            total=10 * GIB,
            used=GIB // 8,
        )
        for digit in "ab"
    ]
    return Device(mig=True, instances=[instances[0], None, instances[1]])
