"""The contract between the worker and the profiler of a runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from ..profiling.recording import RecordedCall


class Profiler(ABC):
    """A runtime's own profiler: `start`, some calls by `call`, and `stop`, once each.

    Attributes:
        name: what it is called, for the reader.
        notes: what it does not see.
        names_all: whether it names all that runs in calls, once it has stopped; else the time in
            which no operator is recorded may be that of operators.
    """

    name: str
    notes: Sequence[str] = ()
    names_all: bool = True

    def start(self) -> None:  # noqa: B027 - some record from when the model is loaded
        """Begin to record."""

    @abstractmethod
    def call(self, function: Callable[[], object]) -> None:
        """Call the function, which calls the model, as a call of its own."""

    @abstractmethod
    def stop(self) -> list[RecordedCall]:
        """End recording; return the calls, in order."""
