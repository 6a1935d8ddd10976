"""Shows how far a training has come: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from train.checkpoint import Epoch

_REFRESH_SECONDS = 0.2


class TrainingProgress:
    """The progress of a training on standard error.

    Args:
        title: of the bar.
        epochs: of the whole training.
        steps: of an epoch.
    """

    def __init__(self, title: str, epochs: int, steps: int) -> None:
        self._epochs = epochs
        self._last_epoch: Epoch | None = None
        self._refreshed = 0.0
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TextColumn("elapsed,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=epochs * steps, state="starting")

    def start(self) -> None:
        """Start to draw."""
        self._bar.start()

    def stop(self) -> None:
        """Draw for the last time."""
        self._bar.stop()

    def step(self, loss: Any) -> None:
        """Advance by a step; its loss is read now and then, since that may wait for a device."""
        self._bar.advance(self._task)
        if time.perf_counter() - self._refreshed <= _REFRESH_SECONDS:
            return
        self._refreshed = time.perf_counter()
        last = self._last_epoch
        number = last.epoch + 1 if last else 1
        state = f"epoch {number}/{self._epochs}  loss {float(loss):.3f}  "
        state += f"val accuracy {last.val_accuracy:.4f}" if last else ""
        self._bar.update(self._task, state=state)

    def end_epoch(self, epoch: Epoch) -> None:
        """Note an epoch, and print it where there is no terminal to draw a bar on."""
        self._last_epoch = epoch
        if self._bar.disable:
            self._console.print(
                f"epoch {epoch.epoch}/{self._epochs}  loss {epoch.loss:.4f}  "
                f"val loss {epoch.val_loss:.4f}  val accuracy {epoch.val_accuracy:.4f}  "
                f"{epoch.seconds:.1f} s",
                highlight=False,
            )
