"""A run as it was recorded, read back from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..records.store import Record, read_records
from .summarizing import summarize
from .summary import Summary


@dataclass(frozen=True)
class RecordedRun:
    """A run's folder, its records and what they come to."""

    folder: Path
    records: list[Record]
    summary: Summary

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name


def read_run(folder: Path) -> RecordedRun:
    """Read a run.

    Raises:
        UsageError: the folder holds no whole run.
    """
    try:
        records = read_records(folder)
        return RecordedRun(folder, records, summarize(records))
    except StopIteration:
        raise UsageError(f"{folder}: holds no run") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{folder}: the records are not those of a whole run ({type(error).__name__}: {error})"
        ) from None
