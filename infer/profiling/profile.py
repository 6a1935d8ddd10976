"""The profile of an artifact, and what its operators come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .attribution import OperatorTime, TracedEvent
from .operator_classes import OperatorClass, class_of


@dataclass(frozen=True)
class Profile:
    """What a runtime's profiler told of calls of an artifact.

    Attributes:
        artifact: label of the artifact.
        batch: samples in a call.
        plain_s: seconds of a call without the profiler, the median; None if not measured.
        profiler: what recorded them; None if there is no profile.
        problem: why there is no profile.
        call_s: seconds of a call with the profiler, that the operators are part of.
        operators: in the order in which they first ran.
        trace: the events of one call.
        left_out: events of that call that were too many to be kept.
        notes: what the profiler does not see.
        names_all: whether it names all operators; else what it does not name is no overhead.
        flops: floating-point operations of a call, by class of operators; empty if not known.
    """

    artifact: str
    batch: int
    plain_s: float | None = None
    profiler: str | None = None
    problem: str = ""
    call_s: float = 0.0
    operators: tuple[OperatorTime, ...] = ()
    trace: tuple[TracedEvent, ...] = ()
    left_out: int = 0
    notes: tuple[str, ...] = ()
    names_all: bool = True
    flops: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[OperatorClass, float]:
        """Seconds of a call by class of operators; all classes are there."""
        sums = dict.fromkeys(OperatorClass, 0.0)
        for operator in self.operators:
            sums[class_of(operator.kind)] += operator.seconds
        return sums

    @property
    def overhead_s(self) -> float | None:
        """Seconds of a call in which no operator ran; None if not known."""
        return self._rest_s if self.profiler and self.names_all else None

    @property
    def unnamed_s(self) -> float | None:
        """Seconds of a call in operators that are not named, and in none; None if all are named."""
        return None if self.names_all or not self.profiler else self._rest_s

    @property
    def _rest_s(self) -> float:
        return max(self.call_s - sum(self.seconds.values()), 0.0)

    @property
    def arithmetic_s(self) -> float:
        """Seconds of a call in convolutions and matrix products."""
        return sum(value for kind, value in self.seconds.items() if kind.is_arithmetic)

    @property
    def memory_s(self) -> float:
        """Seconds of a call in operators that do little more than read and write."""
        return sum(value for kind, value in self.seconds.items() if kind.is_memory_traffic)

    @property
    def profiler_overhead(self) -> float | None:
        """By what share a call takes longer with the profiler; None if not known."""
        return self.call_s / self.plain_s - 1 if self.plain_s and self.profiler else None

    def rate(self, kind: OperatorClass) -> float | None:
        """Operations a second of a class of operators; None if not known."""
        seconds, flops = self.seconds[kind], self.flops.get(kind)
        return flops / seconds if flops and seconds else None
