"""JAX's profiler, and what its operators compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from ..profiling.recording import RecordedCall
from .hlo_text import operators_of
from .profiler import Profiler
from .xplane import MARK, Operator, PlaneEvent, recorded_calls


class JaxProfiler(Profiler):
    """The profiler of JAX, for one compiled function.

    Args:
        folder: where it writes.
        program: gives the text of the compiled program, after a call.
    """

    name = "jax.profiler"

    def __init__(self, folder: Path, program: Callable[[], str | None]) -> None:
        self._folder = folder
        self._program = program

    def start(self) -> None:
        """Begin to record; Python's own calls are not recorded, which would slow them down."""
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0
        jax.profiler.start_trace(str(self._folder), profiler_options=options)

    def call(self, function: Callable[[], object]) -> None:
        """Call within a mark that the profiler records."""
        with jax.profiler.TraceAnnotation(MARK):
            function()

    def stop(self) -> list[RecordedCall]:
        """End recording, and read the file."""
        jax.profiler.stop_trace()
        operators = operators_of(self._program() or "")

        def operator_of(event: PlaneEvent) -> Operator | None:
            name = event.stats.get("hlo_op")
            return operators.get(name, Operator(name, name)) if name else None

        return recorded_calls(_events(self._folder), operator_of)


def _events(folder: Path) -> Iterator[PlaneEvent]:
    for path in folder.rglob("*.xplane.pb"):
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    start = round(event.start_ns)
                    yield PlaneEvent(
                        *(plane.name, line.name, event.name),
                        *(start, start + round(event.duration_ns)),
                        {str(name): str(value) for name, value in event.stats},
                    )
