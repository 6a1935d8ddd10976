"""What a worker answers: one type a response (messages.py).

A response is a dictionary with typed keys, which the controller keeps in its records as it is. The
annotations are evaluated, since the checks go by them.
"""

from typing import Any, NotRequired, TypedDict


class FailureResponse(TypedDict):
    """The artifact failed.

    outcome: value of an `Outcome`. reason: one line.
    """

    outcome: str
    reason: str


class Tensor(TypedDict):
    """A `TensorSpec`."""

    name: str
    shape: list[int | str | None]
    dtype: str
    range: list[float] | None


class Tensors(TypedDict):
    """A `Signature`."""

    inputs: list[Tensor]
    outputs: list[Tensor]


class Placement(TypedDict):
    """Where a model ran: see `Model.placement`. A runtime may say more than this."""

    device: str
    devices: NotRequired[list[str]]
    threads: NotRequired[int | None]
    settings: NotRequired[dict[str, str]]
    tf32: NotRequired[bool | None]
    nodes: NotRequired[dict[str, int]]
    on_cpu: NotRequired[dict[str, int]]


class StartResponse(TypedDict):
    """The runtime is imported.

    seconds: since the interpreter began with our code. isolation: what is closed to the process,
    and else why it is not.
    """

    seconds: float
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
    """bytes: the most that the runtime has held on the card; None if it does not count."""

    bytes: int | None


class LoadResponse(TypedDict):
    """The artifact is loaded."""

    seconds: float
    signature: Tensors
    notes: list[str]


class InputsResponse(TypedDict):
    """The inputs are read and fit.

    samples: number of samples. fixed: samples a call, where the artifact takes no other number.
    only_batch: the only batch size that it can be called with.
    has_state_bindings: whether a call takes state that the call before gave.
    inputs: as the artifact takes them.
    """

    samples: int
    notes: list[str]
    fixed: int | None
    only_batch: int | None
    has_state_bindings: bool
    inputs: list[Tensor]


class CallResponse(TypedDict):
    """One call is done and its outputs are kept."""

    placement: Placement


class FirstCallResponse(TypedDict):
    """The first call is done."""

    seconds: float
    placement: Placement


class RepeatResponse(TypedDict):
    """differences: the largest absolute one, by output.

    None where shapes differ, or one is NaN where the other is not.
    """

    differences: dict[str, float | None]


class CheckResponse(TypedDict):
    """seconds: of a call, by its samples. unfinished: what was still to do; None for nothing."""

    seconds: dict[str, float]
    unfinished: str | None


class WarmUpResponse(TypedDict):
    """calls: number of calls. total_s: of all. call_s: of the last. steady: whether they were."""

    calls: int
    total_s: float
    call_s: float
    steady: bool


class DeviceTimeResponse(TypedDict):
    """What calls take on the device itself: see `device_time.device_times`."""

    batches: dict[str, dict[str, Any]]
    returns_early: bool
    failed: str | None


class PredictResponse(TypedDict):
    """All samples are predicted and the outputs kept.

    frameworks: packages of runtimes that are imported. bare_rss_bytes: resident memory before the
    runtime was imported.
    """

    seconds: float
    samples: int
    placement: Placement
    frameworks: list[str]
    peak_rss_bytes: int | None
    bare_rss_bytes: int | None


class SweepResponse(TypedDict):
    """Throughput by batch.

    ended: why no larger batch was tried. no_memory: the batch that memory was too short for.
    """

    samples_per_s: dict[str, float]
    ended: str
    no_memory: int | None


class BurstResponse(TypedDict):
    """Timed calls.

    seconds: of each. cpu_s: processor time of all. samples: in all of them. untimed_samples: in
    calls before these. rows: numbers of the samples whose outputs are kept.
    """

    seconds: list[float]
    cpu_s: float
    samples: int
    untimed_samples: int
    rows: NotRequired[list[int]]


class OverheadResponse(TypedDict):
    """harness_s: seconds of a call as the harness times it, by round. raw_s: of a raw call."""

    harness_s: list[float]
    raw_s: list[float]
    calls: int


class FootprintResponse(TypedDict):
    """bytes: installed for the runtime, and by distribution. cuda: versions of loaded libraries."""

    bytes: int | None
    distributions: dict[str, int]
    cuda: dict[str, Any]
