"""Train the network in Keras on TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from train.data import Batches, Dataset, Split, optimizer_steps, training_batches
from train.keras_resnet import get_weights, resnet, set_weights
from train.recipe import ADAM_EPSILON, Recipe
from train.watch import Watch
from train.weights import Weights


class _Sequence(keras.utils.PyDataset):
    """The batches of an epoch, in a new order every epoch."""

    def __init__(self, split: Split, recipe: Recipe) -> None:
        super().__init__()
        self.split, self.recipe, self.epoch = split, recipe, 0
        self.batches = training_batches(split, recipe, 0)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.batches[index]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.batches = training_batches(self.split, self.recipe, self.epoch)


class _Watcher(keras.callbacks.Callback):
    """Tells the watch what `fit` does."""

    def __init__(self, watch: Watch, val: Split, recipe: Recipe) -> None:
        super().__init__()
        self.watch, self.val, self.recipe = watch, val, recipe
        self.seen = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.watch.start_epoch()
        self.seen = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # Keras reports the mean over the epoch so far; the loss of this step is its growth.
        seen = (batch + 1) * float((logs or {})["loss"])
        self.watch.step(seen - self.seen)
        self.seen = seen

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logits = _logits(self.model, self.val, self.recipe)
        self.watch.end_epoch(logits, self.val.labels, get_weights(self.model))


def train(recipe: Recipe, data: Dataset, watch: Watch, start: Weights | None) -> None:
    """Train by the recipe, from the weights given or new ones; `watch` keeps the best."""
    model = resnet(recipe.size, recipe.seed)
    if start:
        set_weights(model, start)
    parts = recipe.batch_size // recipe.micro_batch
    # Keras counts a schedule's steps by batches, before gradients are accumulated.
    steps = optimizer_steps(data.train, recipe) * parts
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps),
            epsilon=ADAM_EPSILON,
            gradient_accumulation_steps=parts if parts > 1 else None,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # XLA takes longer for a step of this network on a CPU (see docs/training.md).
        jit_compile=False,
    )
    model.fit(
        _Sequence(data.train, recipe),
        epochs=recipe.epochs,
        shuffle=False,  # the sequence has its own order
        callbacks=[_Watcher(watch, data.val, recipe)],
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
