"""The summary of a run for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..profiling.profile import Profile
from ..records.agreement import AccuracyDifference, DifferingSample, MetricInterval
from ..records.events import AnyEvent
from ..records.machine import Gpu
from ..records.processes import DeviceTime, Placement
from ..records.run_events import RooflineMeasured, RunStarted
from ..stats.ratios import Ratio
from ..workload import END_TO_END, Workload


@dataclass(frozen=True)
class Timing:
    """What is known of the calls of one kind.

    Attributes:
        call_s: seconds of a call, the median over the generations of the medians in each.
        samples_per_s: samples over seconds, at that time for a call.
        ratio: to the reference; None for the reference itself.
        percentiles_s: of all calls, by name ("p95"); those that enough calls stand behind.
        calls: that were timed.
        generations: of processes that they were made in.
        steady: whether the warm-up of every process ended with steady calls.
        roofline_share: the least time that the machine's arithmetic and memory allow for such a
            call, over the time that it took; None where one of these is not known.
        joules_per_sample: energy that the card took, in the bursts that are long enough to tell
            (infer.system.nvml); None where there is none.
        workload: the kind of calls.
    """

    call_s: float
    samples_per_s: float
    ratio: Ratio | None
    percentiles_s: dict[str, float]
    calls: int
    generations: int
    steady: bool
    roofline_share: float | None
    joules_per_sample: float | None = None
    workload: Workload = field(kw_only=True)

    @property
    def is_plain(self) -> bool:
        """Whether the calls are host to host, one after the other."""
        return self.workload.boundary == END_TO_END and not self.workload.gap_s


@dataclass(frozen=True)
class ArtifactResult:
    """What is known of one artifact. Times are seconds, medians over its processes.

    A value is None where it was not measured. Memory of a card is told by the driver for the
    process (`gpu_bytes`), by what is in use on the whole card (`gpu_device_bytes`) and by the
    runtime (`gpu_runtime_peak_bytes`). `environment` is that of its worker: the version of
    Python and the interpreter's path. `placement` says where it ran, and with which settings.
    `executes_code` is whether the manifest says that loading it can execute code. `anchor` is the
    artifact whose outputs on the CPU it was judged against, in place of the reference's on the
    device. `device_time` is what calls take on a card itself, by the samples in them, as
    `infer.worker.device_time` has it. `doubts` are why its agreement would say little.
    """

    artifact: str
    path: str
    shapes: str
    format: str | None
    framework: str | None
    weights: str | None
    weights_sha256: str | None
    weights_framework: str | None
    bytes: int | None
    outcome: str
    reason: str
    command: str
    samples: int | None = None
    import_s: float | None = None
    load_s: float | None = None
    first_call_s: float | None = None
    until_steady_s: float | None = None
    until_steady_calls: int | None = None
    timings: dict[str, Timing] = field(default_factory=dict)
    best_batch: int | None = None
    sweep_ended: str | None = None
    peak_rss_bytes: int | None = None
    memory_bytes: int | None = None
    gpu_bytes: int | None = None
    gpu_device_bytes: int | None = None
    gpu_runtime_peak_bytes: int | None = None
    device_time: dict[int, DeviceTime] = field(default_factory=dict)
    installed_bytes: int | None = None
    grows_with_batch: bool | None = None
    reference: str | None = None
    anchor: str | None = None
    largest_difference: float | None = None
    equal_labels: float | None = None
    unequal_samples: tuple[int, ...] | None = None
    differing: tuple[DifferingSample, ...] = ()
    tolerance: float | None = None
    tolerance_how: str | None = None
    accuracy_difference: AccuracyDifference | None = None
    notes: list[str] = field(default_factory=list)
    doubts: tuple[str, ...] = ()
    metrics: dict[str, float] | None = None
    metric_intervals: dict[str, MetricInterval] = field(default_factory=dict)
    versions: dict[str, str] | None = None
    environment: dict[str, str] | None = None
    placement: Placement | None = None
    sha256: str | None = None
    executes_code: bool | None = None
    classes: tuple[str, ...] = ()

    @property
    def gpu_memory(self) -> tuple[int, str] | None:
        """The best known figure of its memory on the card: bytes, and the source.

        The source is "process", "card" or "runtime".
        """
        known = (
            (self.gpu_bytes, "process"),
            (self.gpu_device_bytes, "card"),
            (self.gpu_runtime_peak_bytes, "runtime"),
        )
        return next(((value, who) for value, who in known if value is not None), None)


@dataclass(frozen=True)
class Summary:
    """A whole run.

    Attributes:
        run: the first event: the plan, and the machine.
        speed_references: label of the artifact whose time a ratio is to, by label.
        rows: in the order of the artifacts.
        notices: what no reader may overlook.
        rooflines: what the machine could do at best, at the start of the run and, if it was longer
            than a minute, at its end.
        profiles: of the fastest and the slowest artifact, where they were asked for.
        clock: of the card while calls were timed, in words; empty where there is none.
        interrupted: whether it was cut off.
        ended: why it ended where it did.
        elapsed_s: how long it took, earlier parts of a resumed run included.
    """

    run: RunStarted
    speed_references: dict[str, str]
    rows: list[ArtifactResult]
    notices: list[str]
    rooflines: list[RooflineMeasured]
    clock: str
    interrupted: bool
    ended: str | None
    elapsed_s: float = 0.0
    profiles: tuple[Profile, ...] = ()

    @property
    def device(self) -> str:
        """The device: "cpu", or "cuda" with the card's name."""
        return f"cuda, {self.card.name}" if self.card else self.run.device

    @property
    def card(self) -> Gpu | None:
        """The card of the run, as `infer.system.nvml` describes it."""
        return card_of(self.run)

    @property
    def planned_workloads(self) -> list[str]:
        """Names of the workloads that were planned for every artifact."""
        return [workload.name for workload in self.run.protocol.workloads]

    @property
    def workloads(self) -> dict[str, Workload]:
        """The workloads that were planned or timed, by name."""
        timed = [timing.workload for row in self.rows for timing in row.timings.values()]
        return {workload.name: workload for workload in (*self.run.protocol.workloads, *timed)}

    @property
    def generations(self) -> int:
        """Number of generations measured, the most of any artifact."""
        counts = [t.generations for row in self.rows for t in row.timings.values()]
        return max(counts, default=0)

    @property
    def groups(self) -> list[list[ArtifactResult]]:
        """The rows grouped by the weights inside, the largest group first."""
        groups: dict[tuple[str | None, str | None], list[ArtifactResult]] = {}
        for row in self.rows:
            groups.setdefault((row.weights_sha256, row.weights), []).append(row)
        return sorted(groups.values(), key=len, reverse=True)

    @property
    def own_training(self) -> list[ArtifactResult]:
        """Each framework's own weights in formats made from that framework: the paper's view.

        Empty if there is only one such framework.
        """
        rows = [
            row for row in self.rows if row.framework and row.framework == row.weights_framework
        ]
        several = len({row.framework for row in rows}) > 1
        return sorted(rows, key=lambda row: str(row.framework)) if several else []


def run_of(events: Sequence[AnyEvent]) -> RunStarted:
    """The first event of a run.

    Raises:
        ValueError: there is none.
    """
    run = next((event for event in events if isinstance(event, RunStarted)), None)
    if run is None:
        raise ValueError("holds no run")
    return run


def card_of(run: RunStarted) -> Gpu | None:
    """The card of a run; None if there is none."""
    there = run.environment.gpus if run.card else ()
    return next((gpu for gpu in there if run.card in (gpu.uuid, str(gpu.index))), None)
