"""What is recorded of a worker's process: starting, loading, inputs, calls, memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..codec import Record
from ..tensors.signature import Signature, TensorSpec
from ..workload import Workload

# Where a runtime ran, in its own words. `device`, `devices`, `threads`, `tf32`, `settings`, `nodes`
# and `on_cpu` mean the same in all of them (`infer.runtimes.base`); others are a runtime's own.
Placement = Mapping[str, Any]


class Start(Record, frozen=True):
    """A process that has imported its runtime.

    Attributes:
        spawn_to_ready_s: seconds from the start of the process until the runtime was imported.
        seconds: of these, from the interpreter's first line of our code.
        versions: of the runtime's packages.
        python, executable: version and path of the interpreter.
        isolation: for each restriction (`infer.sandbox.isolation.RESTRICTIONS`) why it is not in
            force; None where it is.
        variables: of the environment, that runtimes heed.
        cuda: how CUDA was started in it, before its isolation.
    """

    spawn_to_ready_s: float
    seconds: float
    versions: dict[str, str]
    python: str
    executable: str
    isolation: dict[str, str | None]
    variables: dict[str, str]
    cuda: dict[str, Any] | None = None


class Load(Record, frozen=True):
    """A loaded artifact: the seconds it took, its signature, and what the runtime remarks."""

    seconds: float
    signature: Signature
    notes: tuple[str, ...] = ()


class FittedInputs(Record, frozen=True):
    """The inputs as the artifact takes them.

    Attributes:
        samples: how many there are.
        notes: how they were fitted.
        fixed: samples a call, where the file allows one number only.
        only_batch: the one batch that can be measured, where there is only one.
        has_state_bindings: whether an input takes an output of the call before.
        inputs: the specifications, with all sizes that are known.
        unused: the arrays of the file that it does not take.
    """

    samples: int
    notes: tuple[str, ...]
    fixed: int | None
    only_batch: int | None
    has_state_bindings: bool
    inputs: tuple[TensorSpec, ...]
    unused: tuple[str, ...] = ()


class FirstCall(Record, frozen=True):
    """The first call of a process."""

    seconds: float
    placement: Placement


class Reset(Record, frozen=True):
    """How calls were made independent of those before.

    Attributes:
        how: "nothing" if calls cannot change a state, "reset", or "load".
        seconds: the mean before a call, which is part of its time.
    """

    how: Literal["nothing", "reset", "load"]
    seconds: float


class Prediction(Record, frozen=True):
    """All samples, predicted once.

    Attributes:
        seconds: for all.
        samples: how many.
        placement: where it ran.
        frameworks: packages that the process had imported.
        peak_rss_bytes: the most that was resident of the process, files that it mapped among it.
        peak_bytes: the most that it held of anonymous and shared memory.
        bare_bytes: what the interpreter held of these before the runtime was imported.
        reset: how calls were made independent; None if they were not.
    """

    seconds: float
    samples: int
    placement: Placement
    frameworks: tuple[str, ...]
    peak_rss_bytes: int | None
    peak_bytes: int | None
    bare_bytes: int | None
    reset: Reset | None = None


class Repeat(Record, frozen=True):
    """Calls of the pass over all samples, repeated in another order.

    Attributes:
        differences: the largest of each output; None if shapes differ or a value is NaN.
        calls, samples: how many were repeated.
        changed_samples: how many of them differ by more than rounding.
        changed_labels: how many of these have another label; None if there are no labels.
        possible_loops: outputs that may be the next value of a constant input, as OUTPUT=INPUT.
    """

    differences: dict[str, float | None]
    calls: int = 1
    samples: int = 0
    changed_samples: int = 0
    changed_labels: int | None = None
    possible_loops: tuple[str, ...] = ()


class ProbedOutput(Record, frozen=True):
    """An output in a second call of another size, or with its samples in another order.

    Attributes:
        axes: the axes that followed the samples.
        difference: the largest absolute difference of the same samples in both calls; None if not
            one axis followed, or if only one of two values is finite.
    """

    axes: tuple[int, ...]
    difference: float | None


class BatchProbe(Record, frozen=True):
    """A second call, which shows where the samples are in each output.

    Attributes:
        samples: number of samples in it; None if none of the tried numbers was taken.
        permuted: whether it had the same samples in another order.
        outputs: by name.
        failed: why there was no second call.
    """

    samples: int | None
    permuted: bool
    outputs: dict[str, ProbedOutput]
    failed: str | None = None


class Check(Record, frozen=True):
    """Whether time grows with the batch, and whether calls are finished when they return.

    Attributes:
        seconds: the shortest call, by samples a call.
        unfinished: what was not finished; None if all was.
    """

    seconds: dict[int, float]
    unfinished: str | None


class WarmUp(Record, frozen=True):
    """Calls until they were steady.

    Attributes:
        workload: the kind of calls.
        calls: how many.
        total_s: seconds of all.
        call_s: seconds of one at the end.
        steady: whether they ended steady.
        clock_mhz: of the card before and after each round.
        clock_steady: whether that ended steady; None where it is not told.
    """

    workload: Workload
    calls: int
    total_s: float
    call_s: float
    steady: bool
    clock_mhz: tuple[float | None, ...] = ()
    clock_steady: bool | None = None


class DeviceTime(Record, frozen=True):
    """What calls take on a card itself, in seconds, as `infer.worker.device_time` has it."""

    call_s: float
    enqueue_s: float
    queued_s: float
    queued_calls: int
    event_s: float | None
    copy_in_s: float
    copy_in_bytes: int
    copy_out_s: float
    copy_out_bytes: int
    bound: str | None


class DeviceTimes(Record, frozen=True):
    """The same by samples a call.

    Attributes:
        batches: by samples a call.
        returns_early: whether the runtime returns before the device is done.
        failed: why a size could not be timed.
    """

    batches: dict[int, DeviceTime] = msgspec.field(default_factory=dict)
    returns_early: bool = False
    failed: str | None = None


class Footprint(Record, frozen=True):
    """What is installed for a runtime.

    Attributes:
        bytes: of all together; None where it could not be counted.
        distributions: bytes of each.
        cuda: versions of CUDA's libraries that were loaded.
    """

    bytes: int | None
    distributions: dict[str, int] = msgspec.field(default_factory=dict)
    cuda: dict[str, str] = msgspec.field(default_factory=dict)


class Sweep(Record, frozen=True):
    """Throughput by batch.

    Attributes:
        samples_per_s: by samples a call.
        ended: why no larger batch was tried.
        no_memory: the batch that there was no memory for.
    """

    samples_per_s: dict[int, float]
    ended: str
    no_memory: int | None = None
