"""Events of the processes that artifacts are measured in, and their timed calls."""

from __future__ import annotations

import msgspec

from ..workload import Workload
from .event import Event
from .machine import GpuState
from .processes import (
    BatchProbe,
    Check,
    DeviceTimes,
    FirstCall,
    FittedInputs,
    Footprint,
    Load,
    Prediction,
    Repeat,
    Start,
    Sweep,
    WarmUp,
)


class PreflightDone(Event, frozen=True, tag="preflight", kw_only=True):
    """An artifact alone in a fresh process: what is paid once, and its outputs.

    Attributes:
        elapsed_s: since the run began.
        gpu_bytes, gpu_device_bytes, gpu_runtime_peak_bytes: memory of the card, as the driver tells
            of the process, by what is in use on the card, and as the runtime counts.
        gpu_swept_bytes: the most that a sweep held of it.
        warm_up: of a card, before its memory and its own time are measured.
        flops_per_sample: as counted from an ONNX graph.
        most_samples: the largest batch, since samples that a call holds several times would change
            others; None for no limit.
        batch_probe: None where the inputs allow one batch only.
    """

    artifact: str
    elapsed_s: float
    start: Start
    pid: int
    load: Load
    inputs: FittedInputs
    first_call: FirstCall
    predict: Prediction
    repeat: Repeat
    check: Check
    gpu_bytes: int | None
    gpu_device_bytes: int | None
    gpu_runtime_peak_bytes: int | None
    footprint: Footprint
    device_time: DeviceTimes | None = None
    sweep: Sweep | None = None
    gpu_swept_bytes: int | None = None
    warm_up: WarmUp | None = None
    flops_per_sample: float | None = None
    batch_probe: BatchProbe | None = None
    most_samples: int | None = None


class ProcessStarted(Event, frozen=True, tag="start", kw_only=True):
    """A process of a generation, warmed up for every workload.

    Attributes:
        sha256: of the artifact's files, as this process has loaded them.
    """

    artifact: str
    generation: int
    start: Start
    pid: int
    load: Load
    inputs: FittedInputs
    first_call: FirstCall
    warm_up: tuple[WarmUp, ...]
    sha256: str | None = None

    def warm_up_for(self, workload: Workload) -> WarmUp | None:
        """The warm-up for a workload; None where there was none."""
        return next((warm_up for warm_up in self.warm_up if warm_up.workload == workload), None)


class BurstTimed(Event, frozen=True, tag="burst", kw_only=True):
    """Calls of one kind, one after the other.

    Attributes:
        seconds: of each call.
        cpu_s: of the worker's process.
        samples, untimed_samples: in these calls, and in those that filled the caches.
        gpu: the card's state.
        difference: of the last call's outputs from those of the preflight.
        by_neighbours: outputs that the other samples of that call changed, with the difference;
            None if they cannot be told apart, or one is not finite.
        spin_up: calls that raised the card's clock before.
        elapsed_s: since the run began.
    """

    artifact: str
    generation: int
    turn: int
    workload: Workload
    seconds: tuple[float, ...]
    cpu_s: float
    samples: int
    untimed_samples: int
    elapsed_s: float
    gpu: GpuState | None = None
    difference: float | None = None
    by_neighbours: dict[str, float | None] = msgspec.field(default_factory=dict)
    spin_up: WarmUp | None = None


class GenerationDone(Event, frozen=True, tag="generation", kw_only=True):
    """A generation that was measured to the end: its seconds, and those since the run began."""

    seconds: float
    elapsed_s: float
