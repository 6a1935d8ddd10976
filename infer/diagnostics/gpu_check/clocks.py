"""A card's clocks, power and temperature while something else goes on."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from ...system.nvml import Card

_EVERY_S = 1.0


class ClockLog:
    """A context in which a card is looked at every second; one JSON line each, with the time."""

    def __init__(self, card: Card | None, file: Path) -> None:
        self._card = card
        self._file = file
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._log, daemon=True)

    def __enter__(self) -> ClockLog:
        if self._card:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._card:
            self._thread.join()

    def _log(self) -> None:
        assert self._card
        with self._file.open("a", buffering=1) as file:
            while not self._over.wait(_EVERY_S):
                file.write(json.dumps({"time": time.time(), **asdict(self._card.sample())}) + "\n")
