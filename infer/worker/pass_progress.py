"""How many samples of a pass are done: the worker writes it to its folder, its client reads it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..regular_file import NoRegularFileError, opened_file, opened_folder

_FILE = "progress"
# Seconds from one writing to the next.
_INTERVAL_S = 0.5
_MOST_DIGITS = 20


def told(batches: Iterable[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Yield the samples of each batch, and write into the working directory how many are done."""
    done, last = 0, time.monotonic()
    for rows in batches:
        yield rows
        done += len(rows)
        if time.monotonic() - last > _INTERVAL_S:
            last = time.monotonic()
            with contextlib.suppress(OSError):  # a full disk is found where outputs are written
                Path(_FILE).write_text(str(done), encoding="ascii")


class WatchedPass:
    """The controller's side: what a stranger's process may have written is believed up to a limit.

    Attributes:
        samples: how many are done.

    Args:
        folder: the worker's folder.
        total: number of samples of the pass.
    """

    def __init__(self, folder: Path, total: int) -> None:
        self.samples = 0
        self._folder, self._total = folder, total
        self._before = 0

    def look(self) -> bool:
        """Read how many are done; return whether there are more than at the last look."""
        done = min(_written(self._folder), self._total)
        has_grown = done > self.samples
        self.samples = max(done, self.samples)
        return has_grown

    def has_gone_on(self) -> bool:
        """Whether more samples are done than when this was asked last."""
        self.look()
        has_gone_on = self.samples > self._before
        self._before = self.samples
        return has_gone_on


def _written(folder: Path) -> int:
    try:
        with opened_folder(folder) as parent, opened_file(_FILE, parent, _MOST_DIGITS) as (file, _):
            text = file.read(_MOST_DIGITS) or b""
    except (NoRegularFileError, OSError):
        return 0
    return int(text) if text.isdigit() else 0
