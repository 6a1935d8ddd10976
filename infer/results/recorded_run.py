"""Read a recorded run from its folder, which a stranger may have made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import ExportbenchError, UsageError
from ..records.events import AnyEvent
from ..records.store import read_events
from .summarizing import summarize
from .summary import Summary, run_of


@dataclass(frozen=True)
class RecordedRun:
    """A run's folder, events and summary.

    Attributes:
        inputs: files of inputs that the user names; records name them too, but are not believed.
    """

    folder: Path
    events: list[AnyEvent]
    summary: Summary
    inputs: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name


def read_run(folder: Path, inputs: Sequence[Path] = ()) -> RecordedRun:
    """Read a run.

    Args:
        folder: its folder.
        inputs: files of inputs, to show samples from if they are those of the run.

    Raises:
        UsageError: the folder holds no run, or events that this program does not know.
    """
    with records_of(folder):
        try:
            events = read_events(folder)
        except ValueError as error:
            raise UsageError(str(error)) from None
        try:
            run_of(events)
        except ValueError as error:
            raise UsageError(f"{folder}: {error}") from None
        return RecordedRun(folder, events, summarize(events), tuple(inputs))


@contextmanager
def records_of(*folders: Path | None) -> Iterator[None]:
    """Tell in a line that records which are valid one by one do not fit together.

    They may name artifacts that were never opened, or have counts that contradict each other.

    Args:
        folders: those of the runs; None for a run that was just measured, whose errors are ours.

    Raises:
        UsageError: whatever the block raises.
    """
    try:
        yield
    except (ExportbenchError, OSError):
        raise
    except Exception as error:
        if None in folders:
            raise
        names = ", ".join(map(str, folders))
        what = f"{type(error).__name__}: {error}"[:200]
        raise UsageError(f"{names}: the records do not fit together ({what})") from None
