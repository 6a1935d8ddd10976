"""What a training loop reports to: the history, the progress on the terminal, the checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from train.checkpoint import Checkpoint, Epoch
from train.metrics import cross_entropy
from train.progress import TrainingProgress
from train.weights import Weights


class Monitor:
    """A context around a training loop.

    The weights of the best epoch so far are on disk as soon as the epoch ends. Ctrl-C ends the
    training, not the program: the context swallows it and sets `interrupted`.

    Args:
        title: of the progress bar.
        epochs: of the whole training.
        steps: of an epoch.
        path: of the file for the best weights.
    """

    def __init__(self, title: str, epochs: int, steps: int, path: Path) -> None:
        self.history: list[Epoch] = []
        self.checkpoint = Checkpoint(path)
        self.interrupted = False
        self._epochs = epochs
        self._losses: list[Any] = []
        self._started = 0.0
        self._progress = TrainingProgress(title, epochs, steps)

    def __enter__(self) -> Monitor:
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
        """Note the loss of a step; it is read when the epoch ends, since that may wait."""
        self._losses.append(loss)
        self._progress.step(loss)

    def end_epoch(self, logits: np.ndarray, labels: np.ndarray, weights: Weights) -> None:
        """Evaluate an epoch by its validation logits, and keep its weights if they are best.

        Args:
            logits: N x 8.
            labels: N, the true classes.
            weights: at the end of the epoch.
        """
        epoch = Epoch(
            epoch=len(self.history) + 1,
            loss=float(np.mean([float(loss) for loss in self._losses])),
            val_loss=cross_entropy(logits, labels),
            val_accuracy=float(np.mean(logits.argmax(axis=1) == labels)),
            seconds=time.perf_counter() - self._started,
        )
        self.history.append(epoch)
        self.checkpoint.save_if_best(epoch, weights)
        self._progress.end_epoch(epoch)

    def describe(self) -> Mapping[str, Any]:
        """What the record says of the training."""
        best = self.checkpoint.best
        return {
            "history": [asdict(epoch) for epoch in self.history],
            "best_epoch": best.epoch if best else None,
            "interrupted": self.interrupted,
        }
