"""A kind of call that is timed: how many samples, how often, and where the input lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

END_TO_END, DEVICE_RESIDENT = "end_to_end", "device_resident"


@dataclass(frozen=True)
class Workload:
    """One kind of call.

    Attributes:
        batch: samples a call.
        gap_s: pause before each call, in seconds.
        boundary: "end_to_end" (host array in, host array out) or "device_resident" (the input is
            staged before the clock starts, which stops after sync).
    """

    batch: int
    gap_s: float = 0.0
    boundary: str = END_TO_END

    @property
    def name(self) -> str:
        """How records and reports call it; no two points share one."""
        gap = f", every {self.gap_s * 1e3:g} ms" if self.gap_s else ""
        resident = ", on the device" if self.boundary == DEVICE_RESIDENT else ""
        return f"batch {self.batch}{gap}{resident}"

    @property
    def call(self) -> dict[str, Any]:
        """As a worker's `warm_up` takes it."""
        return {"batch": self.batch, "gap_s": self.gap_s, "boundary": self.boundary}
