"""PyTorch's profiler (Kineto): its operators, and on a card the kernels that they launch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

from ..profiling.recording import OperatorEvent, RecordedCall, calls_with_events, outermost
from .profiler import Profiler

_MARK = "exportbench call"
# Which argument of an operator has the weights; of others it is the second.
_WEIGHTS = {"aten::addmm": 2, "aten::baddbmm": 2}


class TorchProfiler(Profiler):
    """The profiler of PyTorch, for all of its formats."""

    name = "torch.profiler"

    def __init__(self, device: str, notes: Sequence[str] = ()) -> None:
        self.notes = notes
        activities = [ProfilerActivity.CPU]
        if device == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self._profile = profile(activities=activities, record_shapes=True)

    def start(self) -> None:
        """Begin to record."""
        self._profile.__enter__()

    def call(self, function: Callable[[], object]) -> None:
        """Call within a mark that the profiler records."""
        with record_function(_MARK):
            function()

    def stop(self) -> list[RecordedCall]:
        """End recording, and read Kineto's events."""
        self._profile.__exit__(None, None, None)
        events = self._profile.profiler.kineto_results.events()  # type: ignore[union-attr]
        return recorded_calls(events)


def recorded_calls(events: Iterable[Any]) -> list[RecordedCall]:
    """The calls that are marked among Kineto's events.

    Of operators within another one only the outer counts. On a card its kernels count instead,
    under the name of the operator that launched them.
    """
    on_host: list[Any] = []
    on_card: list[Any] = []
    spans = []
    for event in events:
        is_host = event.device_type() == DeviceType.CPU
        if event.name() == _MARK:
            if is_host:
                spans.append((event.start_ns(), event.end_ns()))
        elif not is_host:
            on_card.append(event)
        elif "::" in event.name():  # the others are the host's calls of CUDA, and Python's
            on_host.append(event)
    operators = [_operator(event) for event in on_host]
    if on_card:
        launched = _launchers(on_host)
        operators = [
            _kernel(event, launched.get(event.linked_correlation_id())) for event in on_card
        ]
    else:
        operators = outermost(operators)
    return calls_with_events(sorted(spans), operators)


def _operator(event: Any) -> OperatorEvent:
    name = event.name()
    shapes = event.shapes()
    place = _WEIGHTS.get(name, 1)
    weights = tuple(shapes[place]) if len(shapes) > place else ()
    if weights == tuple(shapes[0] if shapes else ()):  # it is told of some convolutions so
        weights = ()
    return OperatorEvent(
        name=name,
        kind=name,
        start_ns=event.start_ns(),
        end_ns=event.end_ns(),
        thread=event.start_thread_id(),
        weights=weights if len(weights) > 1 else None,
    )


def _launchers(events: Sequence[Any]) -> dict[int, OperatorEvent]:
    """The outermost operator around each operator, by the correlation ID that kernels link to."""
    launchers: dict[int, OperatorEvent] = {}
    outer: dict[int, OperatorEvent] = {}
    for event in sorted(events, key=lambda event: (event.start_ns(), -event.end_ns())):
        thread = event.start_thread_id()
        if thread not in outer or event.start_ns() >= outer[thread].end_ns:
            outer[thread] = _operator(event)
        launchers[event.correlation_id()] = outer[thread]
    return launchers


def _kernel(event: Any, operator: OperatorEvent | None) -> OperatorEvent:
    return OperatorEvent(
        name=operator.name if operator else event.name(),
        kind=operator.kind if operator else event.name(),
        start_ns=event.start_ns(),
        end_ns=event.end_ns(),
        thread=event.device_resource_id(),
        weights=operator.weights if operator else None,
    )
