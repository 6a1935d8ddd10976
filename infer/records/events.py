"""The events of a run: the lines of `results.jsonl`, one type for each kind.

They are the contract between measuring and all that comes after it. Every line has the version
of the schema and its kind; whoever reads one of another version, of an unknown kind or with an
unknown field refuses it. docs/schema/results.json is the same as JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec

from ..artifacts.manifest import Manifest
from ..codec import Record
from ..inputs.options import InputOptions
from ..inputs.random import Random
from ..outcome import Outcome
from ..variant import Variant
from ..workload import Workload
from .agreement import AccuracyDifference, DifferingSample, OutputDifference
from .machine import Environment, GpuState
from .processes import (
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
from .protocol import Protocol

SCHEMA_VERSION: Literal[3] = 3


class Event(Record, frozen=True, tag_field="kind"):
    """Something that happened in a run."""

    schema_version: Literal[3] = SCHEMA_VERSION


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
    trusted: tuple[str, ...] = ()
    card: str | None = None
    unsupported: dict[str, str] = msgspec.field(default_factory=dict)
    notices: tuple[str, ...] = ()
    tf32: bool = False


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


class ArtifactOpened(Event, frozen=True, tag="artifact", kw_only=True):
    """An artifact; one that could not be read has no hash.

    Attributes:
        artifact: its label.
        path: as the user gave it.
        bytes: of the payload's files.
        manifest: without the list of files.
    """

    artifact: str
    path: str
    sha256: str | None
    format: str | None = None
    bytes: int | None = None
    manifest: Manifest | None = None


class OutcomeReached(Event, frozen=True, tag="outcome", kw_only=True):
    """What the measurement of an artifact came to.

    Attributes:
        early: whether it ended before it was measured to the end.
    """

    artifact: str
    outcome: Outcome
    reason: str
    early: bool


class RooflineMeasured(Event, frozen=True, tag="roofline", kw_only=True):
    """What the device could do at best; None for what could not be measured.

    Attributes:
        device: "cpu" or "cuda".
        flops_per_s, bytes_per_s: of a float32 matrix product, and of a copy.
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
    failed: dict[str, str] = msgspec.field(default_factory=dict)


class InputsDrawn(Event, frozen=True, tag="random", kw_only=True):
    """Random inputs, drawn for the signature of an artifact; notes say how."""

    artifact: str
    notes: tuple[str, ...]
    sha256: str


class PreflightDone(Event, frozen=True, tag="preflight", kw_only=True):
    """An artifact alone in a fresh process: what is paid once, and its outputs.

    Attributes:
        elapsed_s: since the run began.
        gpu_bytes, gpu_device_bytes, gpu_runtime_peak_bytes: memory of the card, as the driver tells
            of the process, by what is in use on the card, and as the runtime counts.
        gpu_swept_bytes: the most that a sweep held of it.
        flops_per_sample: as counted from an ONNX graph.
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
    warm_up: WarmUp
    gpu_bytes: int | None
    gpu_device_bytes: int | None
    gpu_runtime_peak_bytes: int | None
    footprint: Footprint
    device_time: DeviceTimes | None = None
    sweep: Sweep | None = None
    gpu_swept_bytes: int | None = None
    flops_per_sample: float | None = None


class NoiseMeasured(Event, frozen=True, tag="noise", kw_only=True):
    """By how much a reference differs from itself, in a fresh process and run otherwise.

    Attributes:
        differences: by output; None where shapes differ, or one is not finite.
        failed: why it could not be run.
    """

    artifact: str
    device: str
    differences: dict[str, float | None]
    failed: str | None = None
    batch: int | None = None
    threads: int | None = None
    samples: int | None = None


class AnchorMeasured(Event, frozen=True, tag="anchor", kw_only=True):
    """An artifact run on the CPU, for what is measured on a card to be judged against.

    Attributes:
        reference: of its group.
        failed: why it could not be run there.
        differences: of its outputs on the card, by output.
    """

    artifact: str
    reference: str
    outcome: Outcome
    failed: str | None
    seconds: float | None = None
    threads: int | None = None
    batch: int | None = None
    samples: int | None = None
    differences: dict[str, float | None] = msgspec.field(default_factory=dict)


class ParityJudged(Event, frozen=True, tag="parity", kw_only=True):
    """The outputs of an artifact beside its reference's.

    Attributes:
        anchor: label of the artifact whose outputs on the CPU it was judged against.
        largest_difference, largest_relative_difference, tolerance, how: of the output that fails
            most, or is nearest to failing.
        equal_labels: share of the samples; None where there are no classes.
        unequal_samples, differing: some of the samples that are answered differently.
        metrics: with the labels of the inputs.
        correct: which samples were right, packed (`infer.parity.predictions`).
        probe: some values of the outputs.
        repeats: whether a second call on the same inputs gave the same.
        doubts: why agreement would say little; of the reference.
    """

    artifact: str
    reference: str
    largest_difference: float
    largest_relative_difference: float
    tolerance: float
    how: str
    passed: bool
    by_output: dict[str, OutputDifference]
    differing: tuple[DifferingSample, ...] = ()
    equal_labels: float | None = None
    unequal_samples: tuple[int, ...] | None = None
    anchor: str | None = None
    metrics: dict[str, float] | None = None
    correct: tuple[str, ...] | None = None
    probe: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    accuracy_difference: AccuracyDifference | None = None
    notes: tuple[str, ...] = ()
    repeats: bool = True
    doubts: tuple[str, ...] = ()


class PairCompared(Event, frozen=True, tag="pair", kw_only=True):
    """The outputs of an artifact beside those of the former one.

    Attributes:
        reason: why they cannot be compared; the differences are None then.
    """

    artifact: str
    former: str
    passed: bool
    reason: str = ""
    largest_difference: float | None = None
    largest_relative_difference: float | None = None
    tolerance: float | None = None
    how: str | None = None
    by_output: dict[str, OutputDifference] = msgspec.field(default_factory=dict)
    differing: tuple[DifferingSample, ...] = ()
    equal_labels: float | None = None
    unequal_samples: tuple[int, ...] | None = None


class ProcessStarted(Event, frozen=True, tag="start", kw_only=True):
    """A process of a generation, warmed up for every workload."""

    artifact: str
    generation: int
    start: Start
    pid: int
    load: Load
    inputs: FittedInputs
    first_call: FirstCall
    warm_up: tuple[WarmUp, ...]

    def warmed(self, workload: Workload) -> WarmUp | None:
        """The warm-up for a workload; None where there was none."""
        return next((one for one in self.warm_up if one.workload == workload), None)


class BurstTimed(Event, frozen=True, tag="burst", kw_only=True):
    """Calls of one kind, one after the other.

    Attributes:
        seconds: of each call.
        cpu_s: of the worker's process.
        samples, untimed_samples: in these calls, and in those that filled the caches.
        gpu: the card's state.
        difference: of the last call's outputs from those of the preflight.
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
    spin_up: WarmUp | None = None


class GenerationDone(Event, frozen=True, tag="generation", kw_only=True):
    """A generation that was measured to the end: its seconds, and those since the run began."""

    seconds: float
    elapsed_s: float


class MeasuredApart(Event, frozen=True, tag="apart", kw_only=True):
    """An artifact that had too little memory beside others, and why."""

    artifact: str
    reason: str


AnyEvent = (
    RunStarted
    | RunResumed
    | RunEnded
    | ArtifactOpened
    | OutcomeReached
    | RooflineMeasured
    | InputsDrawn
    | PreflightDone
    | NoiseMeasured
    | AnchorMeasured
    | ParityJudged
    | PairCompared
    | ProcessStarted
    | BurstTimed
    | GenerationDone
    | MeasuredApart
)

One = TypeVar("One", bound=Event)


def of_type(kind: type[One], events: Iterable[AnyEvent]) -> list[One]:
    """The events of a type, in their order."""
    return [event for event in events if isinstance(event, kind)]


def latest(kind: type[One], events: Iterable[AnyEvent]) -> dict[str, One]:
    """The latest event of a type that is of an artifact, by the artifact's label."""
    found: dict[str, Any] = {}
    for event in of_type(kind, events):
        found[getattr(event, "artifact")] = event  # noqa: B009
    return found


def elapsed_s(events: Iterable[AnyEvent]) -> float:
    """Seconds that a run has taken so far, as its events say."""
    return max((getattr(event, "elapsed_s", 0.0) for event in events), default=0.0)
