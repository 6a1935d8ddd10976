"""Train the network in Keras on TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from train.data import Batches, Dataset, Split, optimizer_steps, training_batches
from train.keras_resnet import get_weights, resnet, set_weights
from train.monitor import Monitor
from train.recipe import ADAM_EPSILON, Recipe
from train.weights import Weights


class _Sequence(keras.utils.PyDataset):
    """The batches of the current epoch."""

    def __init__(self, split: Split, recipe: Recipe) -> None:
        super().__init__()
        self.split, self.recipe = split, recipe
        self.start(0)

    def start(self, epoch: int) -> None:
        """Take the order of an epoch.

        Not in `on_epoch_end`: Keras calls that before the first epoch too.
        """
        self.batches = training_batches(self.split, self.recipe, epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.batches[index]


class _MonitorCallback(keras.callbacks.Callback):
    """Tells the monitor what `fit` does."""

    def __init__(self, monitor: Monitor, batches: _Sequence, val: Split, recipe: Recipe) -> None:
        super().__init__()
        self.monitor, self.batches, self.val, self.recipe = monitor, batches, val, recipe
        self.seen = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.monitor.start_epoch()
        self.batches.start(epoch)
        self.seen = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # Keras reports the mean over the epoch so far; the loss of this step is its growth.
        seen = (batch + 1) * float((logs or {})["loss"])
        self.monitor.step(seen - self.seen)
        self.seen = seen

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logits = _logits(self.model, self.val, self.recipe)
        self.monitor.end_epoch(logits, self.val.labels, get_weights(self.model))


class _Cosine(keras.optimizers.schedules.CosineDecay):
    """A decay by optimizer steps; Keras counts micro-batches."""

    def __init__(self, learning_rate: float, steps: int, accumulation_steps: int) -> None:
        super().__init__(learning_rate, steps)
        self.accumulation_steps = accumulation_steps

    def __call__(self, step: Any) -> Any:
        return super().__call__(step // self.accumulation_steps)


def train(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """Train by the recipe, from the weights given or new ones; `monitor` keeps the best."""
    model = resnet(recipe.size, recipe.seed)
    if start:
        set_weights(model, start)
    accumulation_steps = recipe.accumulation_steps
    steps = optimizer_steps(data.train, recipe)
    optimizer = keras.optimizers.AdamW(
        _Cosine(recipe.learning_rate, steps, accumulation_steps),
        epsilon=ADAM_EPSILON,
        weight_decay=recipe.weight_decay,
        gradient_accumulation_steps=accumulation_steps if accumulation_steps > 1 else None,
        use_ema=bool(recipe.ema_decay),
        # Keras updates the average at every accumulation step.
        ema_momentum=recipe.ema_decay ** (1 / accumulation_steps),
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # XLA takes longer for a step of this network on a CPU (see docs/training.md).
        jit_compile=False,
    )
    batches = _Sequence(data.train, recipe)
    # Before the monitor's callback, which evaluates the average.
    ema_callbacks = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if recipe.ema_decay else []
    model.fit(
        batches,
        epochs=recipe.epochs,
        shuffle=False,  # the batches have their own order
        callbacks=[*ema_callbacks, _MonitorCallback(monitor, batches, data.val, recipe)],
        verbose=0,
    )


def predict(weights: Weights, split: Split, recipe: Recipe) -> np.ndarray:
    """Logits, float32 N x 8, of the images of a split."""
    model = resnet(recipe.size)
    set_weights(model, weights)
    return _logits(model, split, recipe)


def _logits(model: keras.Model, split: Split, recipe: Recipe) -> np.ndarray:
    batches = Batches(split, recipe.micro_batch)
    return np.concatenate([model.predict_on_batch(images) for images, _ in batches])
