"""Watches a training: shows its progress and keeps the weights of its best epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from train.metrics import cross_entropy
from train.weights import Weights, load_weights, save_weights

_REFRESH_SECONDS = 0.2


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to; the losses are mean cross-entropies in nats."""

    epoch: int
    loss: float
    val_loss: float
    val_accuracy: float
    seconds: float


class Watch:
    """A context around a training loop.

    The weights of the best epoch so far (highest validation accuracy, then lowest validation
    loss) are on disk as soon as the epoch ends. Ctrl-C ends the training, not the program:
    the context swallows it and says so in `interrupted`.
    """

    def __init__(self, title: str, epochs: int, steps: int, path: Path) -> None:
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.interrupted = False
        self.path = path
        self._epochs = epochs
        self._steps = steps
        self._losses: list[Any] = []
        self._shown = 0.0
        self._started = 0.0
        self._console = Console(stderr=True)
        self._progress = Progress(
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
        self._task = self._progress.add_task(title, total=epochs * steps, state="starting")

    def __enter__(self) -> Watch:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._progress.stop()
        self.interrupted = kind is KeyboardInterrupt
        return self.interrupted

    def epochs(self) -> Iterator[int]:
        """Number the epochs from 0 and time them."""
        for epoch in range(self._epochs):
            self.start_epoch()
            yield epoch

    def start_epoch(self) -> None:
        """Start the clock of an epoch."""
        self._started = time.perf_counter()
        self._losses = []

    def step(self, loss: Any) -> None:
        """Note the loss of a step; it is read now and then, since that may wait for a device."""
        self._losses.append(loss)
        state = None
        if time.perf_counter() - self._shown > _REFRESH_SECONDS:
            self._shown = time.perf_counter()
            state = f"epoch {len(self.history) + 1}/{self._epochs}  loss {float(loss):.3f}  "
            state += f"val accuracy {self.history[-1].val_accuracy:.4f}" if self.history else ""
        self._progress.advance(self._task)
        if state:
            self._progress.update(self._task, state=state)

    def end_epoch(self, logits: np.ndarray, labels: np.ndarray, weights: Weights) -> None:
        """Judge an epoch by its validation logits, N x 8, and keep its weights if they are best."""
        epoch = Epoch(
            epoch=len(self.history) + 1,
            loss=float(np.mean([float(loss) for loss in self._losses])),
            val_loss=cross_entropy(logits, labels),
            val_accuracy=float(np.mean(logits.argmax(axis=1) == labels)),
            seconds=time.perf_counter() - self._started,
        )
        self.history.append(epoch)
        if self.best is None or _rank(epoch) > _rank(self.best):
            save_weights(self.path, weights)
            self.best = epoch
        if self._progress.disable:
            self._console.print(
                f"epoch {epoch.epoch}/{self._epochs}  loss {epoch.loss:.4f}  "
                f"val loss {epoch.val_loss:.4f}  val accuracy {epoch.val_accuracy:.4f}  "
                f"{epoch.seconds:.1f} s",
                highlight=False,
            )

    def best_weights(self) -> Weights:
        """The weights of the best epoch."""
        return load_weights(self.path)[0]

    def describe(self) -> Mapping[str, Any]:
        """What the record says of the training."""
        return {
            "history": [asdict(epoch) for epoch in self.history],
            "best_epoch": self.best.epoch if self.best else None,
            "interrupted": self.interrupted,
        }


def _rank(epoch: Epoch) -> tuple[float, float]:
    return epoch.val_accuracy, -epoch.val_loss
