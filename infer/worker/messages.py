"""The requests that the controller sends to a worker, one type each, with their response types.

A message is a line of JSON. A request is `{"request": NAME, ...its fields}`. An answer has one key:
"response" with what the request's `response` type says, "failure" with a `FailureResponse`, or
"storage_error" with a line. Both sides check what they receive against these types
(message_codec.py), since an artifact's own program may write to the pipe.

The annotations are evaluated at run time, since the checks use them.
"""

from dataclasses import dataclass, field
from typing import (
    Any,
    ClassVar,
    Generic,
    TypeVar,
    dataclass_transform,
)

from ..workload import END_TO_END
from .responses import (
    BatchProbeResponse,
    BurstResponse,
    CallAgainResponse,
    CallResponse,
    CheckResponse,
    DevicesResponse,
    DeviceTimeResponse,
    FindBatchResponse,
    FindRangesResponse,
    FirstCallResponse,
    FootprintResponse,
    GpuPeakResponse,
    HasCudaResponse,
    InputsResponse,
    LoadResponse,
    OverheadResponse,
    PredictResponse,
    ProfileResponse,
    RepeatResponse,
    StartResponse,
    SweepResponse,
    UncompiledResponse,
    WarmUpResponse,
)

Response = TypeVar("Response")
Message = TypeVar("Message")


@dataclass_transform()
def _message(cls: type[Message]) -> type[Message]:
    """Make a dataclass without unneeded methods, since every worker makes all of them at start."""
    return dataclass(eq=False, repr=False, match_args=False)(cls)


class Request(Generic[Response]):
    """A request to a worker.

    Attributes:
        action: name of the request.
        response: type of the response.
    """

    action: ClassVar[str]
    response: ClassVar[Any]


@_message
class Start(Request[StartResponse]):
    """Import the runtime.

    Attributes:
        format: of the artifact.
        payload: path of its file or folder.
        device: "cpu" or "cuda".
        threads: for the arithmetic of one call.
        manifest: its fields, less the list of files; empty where there is none.
        tf32: whether products of float32 may be calculated in TF32 on a GPU.
        runtime: name of the runtime; None for the default of the format.
        untuned: whether to keep the runtime's own defaults.
        settings: values of single settings, by name.
        signature: name of the function to call; None for the default.
        external: a plug-in's runtime, as `Runtime.to_dict` makes it; None for a built-in runtime.
        interpreter: the user's name for the interpreter, if it is not the controller's.
    """

    action = "start"
    response = StartResponse
    format: str
    payload: str
    device: str
    threads: int
    manifest: dict[str, Any] = field(default_factory=dict)
    tf32: bool = False
    runtime: str | None = None
    untuned: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    signature: str | None = None
    external: dict[str, Any] | None = None
    interpreter: str | None = None


@_message
class Uncompiled(Request[UncompiledResponse]):
    """List the imported modules that Python compiles at every start."""

    action = "uncompiled"
    response = UncompiledResponse


@_message
class Devices(Request[DevicesResponse]):
    """Ask for the devices that the runtime can run on here."""

    action = "devices"
    response = DevicesResponse


@_message
class HasCuda(Request[HasCudaResponse]):
    """Ask whether the runtime can run on a GPU here."""

    action = "has_cuda"
    response = HasCudaResponse


@_message
class GpuPeak(Request[GpuPeakResponse]):
    """Ask for the most bytes that the runtime has held on the card."""

    action = "gpu_peak"
    response = GpuPeakResponse


@_message
class Load(Request[LoadResponse]):
    """Load the artifact.

    Attributes:
        profiled: whether to load it for `Profile`, which may be slower.
    """

    action = "load"
    response = LoadResponse
    profiled: bool = False


@_message
class Inputs(Request[InputsResponse]):
    """Read the inputs and fit them to the signature.

    Attributes:
        path: path of the file.
        options: the user's `InputOptions`, as `asdict` makes them.
        label: label of the artifact, as the options name it.
        batch_limits: fields of the `SizeLimits` that trying has shown a call's number of samples to
            have; None if it has not been tried.
        stated_elsewhere: shapes with symbols that other artifacts state, by the name of the input.
        file: the user's file, which reasons name; None if it is the one at the path.
        names_file: whether a reason begins with the file; false if it is not the user's.
    """

    action = "inputs"
    response = InputsResponse
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    batch_limits: dict[str, Any] | None = None
    file: str | None = None
    names_file: bool = True
    stated_elsewhere: dict[str, list[int | str | None]] = field(default_factory=dict)


@_message
class Call(Request[CallResponse]):
    """Call once with the arrays of an `.npz` file, unchanged, and keep the outputs.

    Attributes:
        path: path of the file.
        outputs: folder for the outputs.
    """

    action = "call"
    response = CallResponse
    path: str
    outputs: str


@_message
class FirstCall(Request[FirstCallResponse]):
    """Time the first call; its outputs are kept for `Predict`."""

    action = "first_call"
    response = FirstCallResponse
    batch: int


@_message
class Repeat(Request[RepeatResponse]):
    """Repeat calls of the last `Predict` in another order, and compare the outputs."""

    action = "repeat"
    response = RepeatResponse


@_message
class BatchProbe(Request[BatchProbeResponse]):
    """Call with another number of samples than the first call, to find the axis of the samples.

    An artifact that takes a fixed number is called with the same samples in another order.

    Attributes:
        batch: samples in the first call.
        in_any_order: outputs whose rows may come in another order.
    """

    action = "batch_probe"
    response = BatchProbeResponse
    batch: int
    in_any_order: list[str] = field(default_factory=list)


@_message
class CallAgain(Request[CallAgainResponse]):
    """From a fresh load, call on the first batch several times; keep the outputs of two calls.

    Attributes:
        batch: samples a call.
        calls: number of calls.
        outputs: folder for the outputs of the first and the second call, a folder each.
        others_first: whether the first call gets other inputs.
    """

    action = "call_again"
    response = CallAgainResponse
    batch: int
    calls: int
    outputs: str
    others_first: bool = False


@_message
class Check(Request[CheckResponse]):
    """Check whether calls are finished when they return, and whether time grows with the batch."""

    action = "check"
    response = CheckResponse
    batch: int


@_message
class WarmUp(Request[WarmUpResponse]):
    """Call until the calls are steady, or the limit is reached.

    Attributes:
        batch: samples a call.
        limit_s: limit in seconds, without the first call, which may compile.
        gap_s: pause before each call.
        boundary: "end_to_end" or "device_resident".
        least_s: seconds that it takes at least; if not 0, calls are judged in blocks.
    """

    action = "warm_up"
    response = WarmUpResponse
    batch: int
    limit_s: float
    gap_s: float = 0.0
    boundary: str = END_TO_END
    least_s: float = 0.0


@_message
class DeviceTime(Request[DeviceTimeResponse]):
    """Time calls on the device itself; `batches` are numbers of samples."""

    action = "device_time"
    response = DeviceTimeResponse
    batches: list[int]


@_message
class Predict(Request[PredictResponse]):
    """Predict all samples once and keep the outputs.

    Attributes:
        batch: samples a call.
        outputs: folder for the outputs.
        samples: number of samples; None for all.
        skip: number of samples to skip first.
        rows: numbers of the samples of each call, for the same calls as another artifact had; None
            for successive batches.
    """

    action = "predict"
    response = PredictResponse
    batch: int
    outputs: str
    samples: int | None = None
    skip: int = 0
    rows: list[list[int]] | None = None


@_message
class FindBatch(Request[FindBatchResponse]):
    """Find which numbers of samples a call may have, after a call has failed.

    Attributes:
        batch: samples a call, as the run has them.
        patience_s: seconds that it may take.
    """

    action = "find_batch"
    response = FindBatchResponse
    batch: int
    patience_s: float


@_message
class FindRanges(Request[FindRangesResponse]):
    """Find which whole numbers a call takes, after a call with made-up inputs has failed.

    Attributes:
        batch: samples a call.
        patience_s: seconds that it may take.
    """

    action = "find_ranges"
    response = FindRangesResponse
    batch: int
    patience_s: float


@_message
class Sweep(Request[SweepResponse]):
    """Double the batch until throughput no longer grows, or memory or time runs out.

    Attributes:
        limit_s: seconds that timed calls may take together, without the first call of each batch,
            which may compile.
        patience_s: seconds that everything may take.
        most_samples: largest batch, where none may hold a sample several times; None for no limit.
    """

    action = "sweep"
    response = SweepResponse
    limit_s: float
    patience_s: float
    most_samples: int | None = None


@_message
class Burst(Request[BurstResponse]):
    """Time calls on successive batches, after an untimed one that fills the caches again.

    Attributes:
        batch: samples a call.
        calls: number of calls; None for a pass over all samples, whose last batch may be smaller.
        first: number of the first batch; after the last batch comes the first again.
        gap_s: pause before each call.
        boundary: "end_to_end" or "device_resident".
        outputs: folder for the outputs of the last call; None to keep none.
    """

    action = "burst"
    response = BurstResponse
    batch: int
    calls: int | None
    first: int
    gap_s: float = 0.0
    boundary: str = END_TO_END
    outputs: str | None = None


@_message
class Overhead(Request[OverheadResponse]):
    """Time calls through the harness and in a loop of raw calls, in turn.

    Attributes:
        batch: samples a call.
        rounds: number of turns.
        burst_s: seconds of each turn.
    """

    action = "overhead"
    response = OverheadResponse
    batch: int
    rounds: int
    burst_s: float


@_message
class Profile(Request[ProfileResponse]):
    """Call under the runtime's own profiler, after `Load` with `profiled`.

    Attributes:
        batch: samples a call.
        calls: number of calls.
    """

    action = "profile"
    response = ProfileResponse
    batch: int
    calls: int


@_message
class Footprint(Request[FootprintResponse]):
    """Count the bytes that are installed for the runtime."""

    action = "footprint"
    response = FootprintResponse


REQUESTS: dict[str, type[Request[Any]]] = {
    request.action: request for request in Request.__subclasses__()
}
