"""Events of a whole run: its plan, what the machine can do, its end."""

from __future__ import annotations

import msgspec

from ..inputs.options import InputOptions
from ..inputs.random import Random
from ..metrics.own_metric import OwnMetric
from ..metrics.task import TaskRequest
from ..tensors.comparison_options import RowSet
from ..tensors.sample_columns import SampleColumn
from ..variant import Variant
from .event import Event
from .machine import Environment
from .output_form import OutputForm
from .protocol import Protocol


class RunStarted(Event, frozen=True, tag="run", kw_only=True):
    """The first event: the plan (`infer.measure.plan`), the command and the machine.

    Attributes:
        folder: that paths start from.
        inputs_sha256: of the file of inputs for all artifacts.
    """

    command: tuple[str, ...]
    environment: Environment
    artifacts: tuple[tuple[str, str], ...]
    inputs: str | None
    protocol: Protocol
    device: str
    threads: int
    timeout_s: float
    folder: str
    inputs_sha256: str | None
    memory_limit: int | None = None
    tolerance: float | None = None
    reference: str | None = None
    seed: int = 0
    variants: dict[str, Variant] = msgspec.field(default_factory=dict)
    pairs: dict[str, str] = msgspec.field(default_factory=dict)
    random: Random | None = None
    input_options: InputOptions = InputOptions()
    ignored: tuple[str, ...] = ()
    absolute: tuple[str, ...] = ()
    row_sets: tuple[RowSet, ...] = ()
    sample_columns: tuple[SampleColumn, ...] = ()
    allowed: dict[str, float] = msgspec.field(default_factory=dict)
    task: TaskRequest | None = None
    metrics: tuple[OwnMetric, ...] = ()
    trusted: tuple[str, ...] = ()
    card: str | None = None
    unsupported: dict[str, str] = msgspec.field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tf32: bool = False
    why: bool = False
    save_outputs: OutputForm | None = None


class RunResumed(Event, frozen=True, tag="resume", kw_only=True):
    """A run that goes on after it was cut off, or that is to be measured for longer."""

    command: tuple[str, ...]
    environment: Environment
    protocol: Protocol


class RunEnded(Event, frozen=True, tag="end", kw_only=True):
    """A run, or a part of it, that has ended.

    Attributes:
        interrupted: whether it was cut off.
        reason: why it ended there.
        seconds: since it began, earlier parts included.
    """

    interrupted: bool
    reason: str
    seconds: float


class RooflineMeasured(Event, frozen=True, tag="roofline", kw_only=True):
    """What the device could do at best; None for what could not be measured.

    Attributes:
        device: "cpu" or "cuda".
        flops_per_s, bytes_per_s: of a float32 matrix product, and of a copy.
        library: path of the cuBLAS that the products were calculated with.
        failed: why a rate could not be measured, by its name.
    """

    device: str
    flops_per_s: float | None = None
    bytes_per_s: float | None = None
    tf32_flops_per_s: float | None = None
    to_device_bytes_per_s: float | None = None
    from_device_bytes_per_s: float | None = None
    to_device_pinned_bytes_per_s: float | None = None
    from_device_pinned_bytes_per_s: float | None = None
    library: str | None = None
    failed: dict[str, str] = msgspec.field(default_factory=dict)
