"""How much of a card's memory a worker uses: three figures, any of which may be missing."""

from __future__ import annotations

from typing import Any

from ..system.nvml import Card
from ..worker import messages
from ..worker.client import WorkerProcess


class GpuMemory:
    """The highest memory use of a worker on a card that was observed.

    Created before the worker starts, since it first reads what other processes hold.
    """

    def __init__(self, card: Card | None) -> None:
        self._card = card
        memory = card.memory() if card else None
        self._before = memory.used if memory else None
        self._process: int | None = None
        self._device: int | None = None

    def look(self, worker: WorkerProcess) -> None:
        """Read the memory use once more, while the worker waits."""
        if self._card is None:
            return
        self._process = _most(self._process, self._card.held_by(worker.pid))
        memory = self._card.memory()
        if memory and self._before is not None:
            self._device = _most(self._device, max(memory.used - self._before, 0))

    def record(self, worker: WorkerProcess) -> dict[str, Any]:
        """The observed figures, in bytes; None for figures that are not reported.

        Returns:
            gpu_bytes: the process's memory, from the driver. gpu_device_bytes: growth of the memory
            in use on the whole card. gpu_runtime_peak_bytes: the runtime's own count, without
            CUDA's context and the memory that CUDA's libraries keep.
        """
        peak = worker.ask(messages.GpuPeak())["bytes"] if self._card else None
        return {
            "gpu_bytes": self._process,
            "gpu_device_bytes": self._device,
            "gpu_runtime_peak_bytes": peak,
        }


def _most(first: int | None, second: int | None) -> int | None:
    return max((value for value in (first, second) if value is not None), default=None)
