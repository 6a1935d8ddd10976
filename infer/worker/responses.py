"""The responses of a worker to the requests in messages.py, one type each.

A response is a dictionary with typed keys, which the controller records unchanged. The annotations
are evaluated at run time, since the checks use them.
"""

from dataclasses import dataclass
from typing import Annotated, NotRequired, TypedDict


@dataclass(frozen=True)
class AtLeast:
    """The smallest value that a number may have."""

    value: float


Seconds = Annotated[float, AtLeast(0)]
Count = Annotated[int, AtLeast(0)]
Positive = Annotated[int, AtLeast(1)]


class FailureResponse(TypedDict):
    """The artifact failed.

    outcome: value of an `Outcome`. The others are as in `Failure`.
    """

    outcome: str
    reason: str
    is_shortened: bool
    index_limit: Count | None
    cause: str


class Tensor(TypedDict):
    """A `TensorSpec`."""

    name: str
    shape: list[int | str | None] | None
    dtype: str
    range: list[float] | None


class Tensors(TypedDict):
    """A `Signature`."""

    inputs: list[Tensor]
    outputs: list[Tensor]


class Placement(TypedDict):
    """Where a model ran: see `Model.placement`. A runtime may add keys."""

    device: str
    devices: NotRequired[list[str]]
    threads: NotRequired[Count | None]
    settings: NotRequired[dict[str, str]]
    tf32: NotRequired[bool | None]
    nodes: NotRequired[dict[str, Count]]
    on_cpu: NotRequired[dict[str, Count]]


class StartResponse(TypedDict):
    """The runtime is imported.

    seconds: since the interpreter began to run our code. isolation: for each restriction None if it
    is in force, otherwise why it is not.
    """

    seconds: Seconds
    versions: dict[str, str]
    python: str
    executable: str
    isolation: dict[str, str | None]


class UncompiledResponse(TypedDict):
    """modules: source files of imported modules that Python compiles at every start."""

    modules: list[str]


class DevicesResponse(TypedDict):
    """devices: what the runtime can run on, in its own words."""

    devices: list[str]


class HasCudaResponse(TypedDict):
    """problem: why the runtime cannot run on a GPU here; None if it can."""

    problem: str | None


class GpuPeakResponse(TypedDict):
    """bytes: the most that the runtime has held on the card; None if it does not count them."""

    bytes: Count | None


class LoadResponse(TypedDict):
    """The artifact is loaded."""

    seconds: Seconds
    signature: Tensors
    notes: list[str]


class InputsResponse(TypedDict):
    """The inputs were read and fitted.

    samples: number of samples. fixed: samples a call, if the artifact takes no other number.
    only_batch: the only batch size that it can be called with.
    has_state_bindings: whether a call takes the state that the previous call returned.
    inputs: the artifact's inputs with known sizes. unused: arrays of the file not taken.
    """

    samples: Count
    notes: list[str]
    fixed: Positive | None
    only_batch: Positive | None
    has_state_bindings: bool
    inputs: list[Tensor]
    unused: list[str]


class Limits(TypedDict):
    """Fields of `SizeLimits`."""

    multiple: Positive
    least: Positive
    most: Positive | None


class FindBatchResponse(TypedDict):
    """Which numbers of samples a call may have.

    limits: fields of their `SizeLimits`; None if the number of samples is not why calls fail.
    failed: a number that fails. reason: how it fails, in one line.
    """

    limits: Limits | None
    failed: Positive | None
    reason: str


class FindRangesResponse(TypedDict):
    """ranges: smallest and largest whole number by input, where calls take less than was drawn."""

    ranges: dict[str, list[int]]


class CallResponse(TypedDict):
    """One call is done and its outputs are kept."""

    placement: Placement


class FirstCallResponse(TypedDict):
    """The first call is done."""

    seconds: Seconds
    placement: Placement


class RepeatResponse(TypedDict):
    """Calls of a pass were repeated in another order.

    differences: the largest absolute difference, by output; None if shapes differ, or if only one
    of two values is NaN. calls, samples: how many were repeated. changed_samples: how many of them
    differ by more than rounding. changed_labels: how many of these have another largest value;
    None if no output looks like a classifier's. possible_loops: outputs that may be the next value
    of an input that every call got the same, as `--loop` takes them.
    """

    differences: dict[str, Annotated[float, AtLeast(0)] | None]
    calls: Count
    samples: Count
    changed_samples: Count
    changed_labels: Count | None
    possible_loops: list[str]


class ProbedOutput(TypedDict):
    """An output in a second call of another size, or with its samples in another order.

    axes: the axes that followed the samples. difference: the largest absolute difference of the
    same samples in both calls; None if not one axis followed, or if only one of two values is
    finite.
    """

    axes: list[Count]
    difference: Annotated[float, AtLeast(0)] | None


class BatchProbeResponse(TypedDict):
    """Where the samples are in each output.

    samples: in the second call; None if none of the tried sizes was taken. permuted: whether it
    had the same samples in another order. failed: why there was no second call.
    """

    samples: Positive | None
    permuted: bool
    outputs: dict[str, ProbedOutput]
    failed: str | None


class CallAgainResponse(TypedDict):
    """cosines: between successive changes of an output, the mean; None if it did not change."""

    cosines: dict[str, float | None]


class CheckResponse(TypedDict):
    """seconds: of a call, by its samples. unfinished: description of unfinished work, or None."""

    seconds: dict[str, Seconds]
    unfinished: str | None


class WarmUpResponse(TypedDict):
    """calls: number of calls. total_s: of all. call_s: of the last. steady: whether they were."""

    calls: Positive
    total_s: Seconds
    call_s: Seconds
    steady: bool


class DeviceTimeOfBatch(TypedDict):
    """Times of calls with a number of samples: see `device_time.device_time` and `bound`."""

    call_s: Seconds
    enqueue_s: Seconds
    queued_s: Seconds
    queued_calls: Positive
    event_s: Seconds | None
    copy_in_s: Seconds
    copy_in_bytes: Count
    copy_out_s: Seconds
    copy_out_bytes: Count
    bound: str | None


class DeviceTimeResponse(TypedDict):
    """Times of calls on the device itself: see `device_time.device_times`."""

    batches: dict[str, DeviceTimeOfBatch]
    returns_early: bool
    failed: str | None


class ResetResponse(TypedDict):
    """How calls are made independent of those before.

    how: "nothing" if calls cannot change a state, "reset", or "load". seconds: the mean before a
    call.
    """

    how: str
    seconds: Seconds


class PredictResponse(TypedDict):
    """All samples were predicted and the outputs kept.

    reset: how calls were made independent; None if they were not. frameworks: packages of runtimes
    that are imported. peak_rss_bytes: the most that was resident. peak_bytes: the most of anonymous
    and shared memory. bare_bytes: what was held of these before the runtime was imported.
    """

    seconds: Seconds
    samples: Count
    placement: Placement
    frameworks: list[str]
    peak_rss_bytes: Count | None
    peak_bytes: Count | None
    bare_bytes: Count | None
    reset: ResetResponse | None


class SweepResponse(TypedDict):
    """Throughput by batch.

    ended: why no larger batch was tried. no_memory: the batch that did not fit into memory.
    """

    samples_per_s: dict[str, Annotated[float, AtLeast(0)]]
    ended: str
    no_memory: Positive | None


class BurstResponse(TypedDict):
    """Timed calls.

    seconds: of each call. cpu_s: processor time of all calls. samples: in all calls.
    untimed_samples: in the untimed calls before. rows: numbers of the samples of the artifact's
    last call, whose outputs are kept.
    """

    seconds: list[Seconds]
    cpu_s: Seconds
    samples: Count
    untimed_samples: Count
    rows: NotRequired[list[Count]]


class OverheadResponse(TypedDict):
    """harness_s: seconds of a call through the harness, by round. raw_s: of a raw call."""

    harness_s: list[Seconds]
    raw_s: list[Seconds]
    calls: Positive


class ProfiledOperator(TypedDict):
    """An operator of a call: see `profiling.attribution.OperatorTime`."""

    name: str
    kind: str
    seconds: Seconds
    output: list[Count] | None
    weights: list[Count] | None


class ProfiledEvent(TypedDict):
    """An event of one call: see `profiling.attribution.TracedEvent`."""

    operator: Count
    thread: Count
    start_s: Seconds
    seconds: Seconds


class ProfileResponse(TypedDict):
    """Calls under the runtime's profiler.

    profiler: its name; None where there is none. problem: why there is none. call_s: seconds of a
    call of those that the operators are of, 0 without a profiler. calls_s: of each call. shapes: of
    the inputs of a call. notes: what the profiler does not see. names_all: whether it names all
    operators. left_out: events of the traced call that were too many.
    """

    profiler: str | None
    problem: str
    call_s: Seconds
    calls_s: list[Seconds]
    shapes: dict[str, list[Count]]
    operators: list[ProfiledOperator]
    trace: list[ProfiledEvent]
    left_out: Count
    notes: list[str]
    names_all: bool


class FootprintResponse(TypedDict):
    """bytes: installed size of the runtime. distributions: size of each. cuda: versions loaded."""

    bytes: Count | None
    distributions: dict[str, Count]
    cuda: dict[str, str]


# Types whose values may have more keys than these.
OPEN_TYPES = (Placement,)
