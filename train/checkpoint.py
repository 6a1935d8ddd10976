"""Keeps the weights of the best epoch of a training on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.weights import Weights, load_weights, save_weights


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch; the losses are mean cross-entropies in nats.

    Attributes:
        epoch: its number, from 1.
        loss: of the training images, over the steps.
        val_loss: of the validation images, at the end of the epoch.
        val_accuracy: share of the validation images that are right, in 0..1.
        seconds: that it took, validation included.
    """

    epoch: int
    loss: float
    val_loss: float
    val_accuracy: float
    seconds: float


class Checkpoint:
    """The file of the best weights so far: highest validation accuracy, then lowest loss."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best: Epoch | None = None

    def save_if_best(self, epoch: Epoch, weights: Weights) -> None:
        """Write the weights of an epoch if none before it was better.

        Raises:
            WeightsError: they are not those of the network, or not finite.
        """
        if self.best is None or _rank(epoch) > _rank(self.best):
            save_weights(self.path, weights)
            self.best = epoch

    def load(self) -> Weights:
        """Read the weights of the best epoch.

        Raises:
            WeightsError: no epoch was saved.
        """
        return load_weights(self.path)[0]


def _rank(epoch: Epoch) -> tuple[float, float]:
    return epoch.val_accuracy, -epoch.val_loss
