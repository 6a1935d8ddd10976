"""PyTorch's profiler (Kineto): its operators, and on a card the kernels that they launch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

from ..profiling.recording import OperatorEvent, RecordedCall, calls_with_events, outermost
from .profiler import Profiler

_MARK = "exportbench call"
# Which argument of an operator has the weights, counted from the last one: before the first,
# TorchScript lists what else lies on its stack.
_WEIGHTS = {
    "aten::_convolution": -12,
    "aten::convolution": -8,
    **dict.fromkeys(("aten::conv1d", "aten::conv2d", "aten::conv3d"), -6),
    "aten::mkldnn_convolution": -6,
    **dict.fromkeys(("aten::addmm", "aten::baddbmm"), -3),
    "aten::linear": -2,
    **dict.fromkeys(("aten::matmul", "aten::mm", "aten::bmm"), -1),
}
# How Inductor names calls of kernels in a package that was compiled to name them: of a library,
# of a template of its own, and loops that it has fused, which are named after operators around
# them too, as "graph_0_cpp_fused_convolution_relu_1".
_COMPILED = re.compile(r"aoti_torch_|(graph_\d+_)?(cpp|triton)_")
_LIBRARY = re.compile(r"aoti_torch_(?:(?:cpu|cuda)_)?(.+?)(?:_out)?$")
_FUSED = re.compile(r"(?:graph_\d+_)?(?:cpp|triton_\w{3})_fused_(.*)_\d+$")
_PRODUCTS = re.compile(r"convolution|addmm|baddbmm|bmm|mm|linear")


class TorchProfiler(Profiler):
    """The profiler of PyTorch, for all of its formats.

    Args:
        device: "cpu" or "cuda".
        notes: what it does not see.
        unnamed: what to add to these if the model is compiled and its kernels are not named; None
            if the model is not compiled.
    """

    name = "torch.profiler"

    def __init__(self, device: str, notes: Sequence[str] = (), unnamed: str | None = None) -> None:
        self.notes = notes
        self._unnamed = unnamed
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
        calls = recorded_calls(events)
        if self._unnamed is not None and not _has_kernels(events):
            self.names_all = False
            self.notes = [*self.notes, self._unnamed]
        return calls


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
        # The others are the host's calls of CUDA, and Python's.
        elif "::" in event.name() or _COMPILED.match(event.name()):
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


def _has_kernels(events: Iterable[Any]) -> bool:
    """Whether kernels of compiled code are named: those of a card are."""
    return any(
        event.device_type() != DeviceType.CPU or _COMPILED.match(event.name()) for event in events
    )


def _kind(name: str) -> str:
    """What an operator computes; of fused loops, all that is computed in them."""
    if library := _LIBRARY.match(name):
        return library[1]
    if not (fused := _FUSED.match(name)):
        return name
    # Products are called from a library, or from a template with a name of its own.
    words = " ".join(_PRODUCTS.sub("", fused[1]).replace("_", " ").split())
    return f"fused {words}" if words else "copy"


def _operator(event: Any) -> OperatorEvent:
    name = event.name()
    shapes = event.shapes()
    place = _WEIGHTS.get(name)
    if place is None:  # of others it is the second, unless that is another input
        weights = tuple(shapes[1]) if len(shapes) > 1 and shapes[1] != shapes[0] else ()
    else:
        weights = tuple(shapes[place]) if len(shapes) >= -place else ()
    return OperatorEvent(
        name=name,
        kind=_kind(name),
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
