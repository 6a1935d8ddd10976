"""How much of a card's memory a worker takes: three answers, of which any may be missing."""

from __future__ import annotations

from typing import Any

from ..system.nvml import Card
from ..worker import messages
from ..worker.client import WorkerProcess


class GpuMemory:
    """The most that a worker was seen to hold on a card.

    Made before the worker starts, since it looks at what others hold then.
    """

    def __init__(self, card: Card | None) -> None:
        self._card = card
        memory = card.memory() if card else None
        self._before = memory.used if memory else None
        self._process: int | None = None
        self._device: int | None = None

    def look(self, worker: WorkerProcess) -> None:
        """Look once more, while the worker waits."""
        if self._card is None:
            return
        self._process = _most(self._process, self._card.held_by(worker.pid))
        memory = self._card.memory()
        if memory and self._before is not None:
            self._device = _most(self._device, max(memory.used - self._before, 0))

    def record(self, worker: WorkerProcess) -> dict[str, Any]:
        """What was seen, in bytes; None for what is not told.

        Returns:
            gpu_bytes: by the driver, of the process. gpu_device_bytes: by which the memory in use
            on the whole card grew. gpu_runtime_peak_bytes: what the runtime itself counts, which
            leaves out the context of CUDA and what its libraries keep.
        """
        peak = worker.ask(messages.GpuPeak())["bytes"] if self._card else None
        return {
            "gpu_bytes": self._process,
            "gpu_device_bytes": self._device,
            "gpu_runtime_peak_bytes": peak,
        }


def _most(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
