"""Read a recorded run from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..records.events import AnyEvent
from ..records.store import read_events
from .summarizing import summarize
from .summary import Summary, run_of


@dataclass(frozen=True)
class RecordedRun:
    """A run's folder, events and summary."""

    folder: Path
    events: list[AnyEvent]
    summary: Summary

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name


def read_run(folder: Path) -> RecordedRun:
    """Read a run.

    Raises:
        UsageError: the folder holds no run, or events that this program does not know.
    """
    try:
        events = read_events(folder)
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        run_of(events)
    except ValueError as error:
        raise UsageError(f"{folder}: {error}") from None
    return RecordedRun(folder, events, summarize(events))
