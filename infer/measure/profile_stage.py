"""Profile artifacts of a run, each in processes of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..inputs.random import UnderspecifiedSignatureError
from ..outcome import Failure, Outcome
from ..profiling.attribution import OperatorTime, TracedEvent
from ..profiling.profile import Profile
from ..records.profile_events import ProfileMeasured
from ..tensors.signature import Signature
from ..worker import messages
from ..worker.client import WorkerProcess
from ..worker.responses import InputsResponse, ProfileResponse
from .failed_calls import CallFailure, find_cause
from .flop_count import flops_by_class
from .placement import check_device
from .random_inputs import RandomInputs
from .run_context import RunContext
from .run_tolerances import precision

_CALLS = 20
# Seconds that the calls of either kind may take together, and those of a warm-up.
_CALLS_S = 20.0
_WARM_UP_S = 5.0


class ProfileStage:
    """Profiles artifacts that are open; what cannot be profiled says why, and the rest goes on."""

    def __init__(self, context: RunContext, tell: Callable[[str, float], None]) -> None:
        """Make the stage.

        Args:
            context: the run; random inputs are drawn if they are missing.
            tell: is called with what is going on, and the share that is done.
        """
        self._context = context
        self._tell = tell
        self._random_inputs = RandomInputs(context)
        self._types: dict[str, dict[str, str]] = {}  # of inputs, by artifact
        # Operations of a call by class, and its samples, of ONNX files.
        self._flops: dict[str, tuple[int, dict[str, float]]] = {}

    def run(self, labels: Sequence[str], batch: int) -> list[Profile]:
        """Profile calls of artifacts, and record that.

        Args:
            labels: labels of the artifacts, which are profiled one after the other.
            batch: samples in a call, where the artifact and its inputs allow it.

        Raises:
            OSError: the results cannot be written.
        """
        profiles: dict[str, Profile] = {}
        waiting = self._random_inputs.ordered(labels)
        while waiting:
            underspecified: dict[str, str] = {}
            for label in waiting:
                self._tell(f"profile of {label}", len(profiles) / len(labels))
                try:
                    profiles[label] = self._profile(label, batch)
                except UnderspecifiedSignatureError as error:
                    underspecified[label] = str(error)  # another's signature may suffice
                except Exception as error:
                    failure = self._context.as_failure(error)
                    profiles[label] = _without(label, batch, failure)
            if len(underspecified) == len(waiting):
                for label, reason in underspecified.items():
                    failure = Failure(Outcome.BAD_INPUT, reason)
                    profiles[label] = _without(label, batch, failure)
                break
            waiting = [*underspecified]
        complete = [self._with_flops(profiles[label]) for label in labels]
        for profile in complete:
            self._context.store.add(ProfileMeasured(artifact=profile.artifact, profile=profile))
        return complete

    def _profile(self, label: str, batch: int) -> Profile:
        """Profile an artifact; with another number of samples a call, if that is why it fails."""
        try:
            return self._measure(label, batch)
        except CallFailure as call:
            find_cause(self._context, label, call.failure)
            return self._measure(label, batch)

    def _measure(self, label: str, batch: int) -> Profile:
        """Time calls without the profiler, then profile calls, in a process each.

        Some runtimes are slower once they were loaded for their profiler.
        """
        with self._context.worker(label, "profile-plain") as worker:
            batch = self._prepare(worker, label, batch)
            try:
                first = worker.ask(messages.FirstCall(batch=batch))
            except Failure as failure:
                raise CallFailure(failure) from None
            check_device(first["placement"], self._context.plan.device)
            warm_up = worker.ask(messages.WarmUp(batch=batch, limit_s=_WARM_UP_S))
            calls = max(3, min(_CALLS, int(_CALLS_S / warm_up["call_s"])))
            plain = worker.ask(messages.Burst(batch=batch, calls=calls, first=0))
        profile = Profile(label, batch, plain_s=statistics.median(plain["seconds"]))
        try:
            with self._context.worker(label, "profile") as worker:
                self._prepare(worker, label, batch, profiled=True)
                answer = worker.ask(messages.Profile(batch=batch, calls=calls))
                self._count(label, batch, answer["shapes"])
        except Failure as failure:  # without the profiler it runs
            return replace(profile, problem=f"{failure.outcome}: {failure.reason}")
        return _profile_of(profile, answer)

    def _prepare(
        self, worker: WorkerProcess, label: str, batch: int, *, profiled: bool = False
    ) -> int:
        """Load the artifact and its inputs; return the samples that a call can have."""
        worker.start()
        signature = worker.load(profiled=profiled)["signature"]
        self._types[label] = {spec["name"]: spec["dtype"] for spec in signature["inputs"]}
        if self._random_inputs.are_missing:
            self._random_inputs.draw(label, Signature.from_dict(signature))
        inputs: InputsResponse = worker.ask(self._context.inputs_of(label))
        return inputs["only_batch"] or batch

    def _count(self, label: str, batch: int, shapes: Mapping[str, Sequence[int]]) -> None:
        """Count the operations of a call, of an ONNX file."""
        artifact, types = self._context.artifacts[label], self._types[label]
        if artifact.format != "onnx":
            return
        inputs = [
            {"name": name, "shape": [*shape], "dtype": types[name]}
            for name, shape in shapes.items()
            if name in types
        ]
        none: dict[str, float] = {}
        counts = self._context.informative(
            "the number of operations",
            lambda: flops_by_class(artifact.payload, inputs),
            none,
            label,
        )
        self._flops[label] = batch, counts

    def _with_flops(self, profile: Profile) -> Profile:
        """A profile with the operations of a call, if these are of float32, as the rate is.

        An artifact of another format has those of an ONNX file with the same weights.
        """
        used = precision(self._context, profile.artifact)
        if used.quantisation or used.arithmetic not in ("", "float32"):
            return profile
        batch, counts = self._flops.get(profile.artifact, (profile.batch, {}))
        weights = self._weights(profile.artifact)
        if not counts and weights:
            same = [self._flops[name] for name in self._flops if self._weights(name) == weights]
            batch, counts = next((known for known in same if known[1]), (profile.batch, {}))
        flops = {kind: profile.batch / batch * count for kind, count in counts.items()}
        return replace(profile, flops=flops)

    def _weights(self, label: str) -> str | None:
        manifest = self._context.artifacts[label].manifest
        return manifest.weights.get("sha256") if manifest else None


def _without(label: str, batch: int, failure: Failure) -> Profile:
    return Profile(label, batch, problem=f"{failure.outcome}: {failure.reason}")


def _profile_of(profile: Profile, answer: ProfileResponse) -> Profile:
    """A profile with what a worker told."""
    return replace(
        profile,
        profiler=answer["profiler"],
        problem=answer["problem"],
        call_s=answer["call_s"],
        operators=tuple(
            OperatorTime(
                operator["name"],
                operator["kind"],
                operator["seconds"],
                _shape(operator["output"]),
                _shape(operator["weights"]),
            )
            for operator in answer["operators"]
        ),
        trace=tuple(TracedEvent(**event) for event in answer["trace"]),
        left_out=answer["left_out"],
        notes=tuple(answer["notes"]),
        names_all=answer["names_all"],
    )


def _shape(sizes: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if sizes is None else tuple(sizes)
