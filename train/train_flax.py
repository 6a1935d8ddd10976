"""Train the network in JAX with Flax NNX and optax."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from train.data import Batches, Dataset, Split, optimizer_steps, training_batches
from train.flax_resnet import ResNet, get_weights, set_weights
from train.monitor import Monitor
from train.recipe import ADAM_EPSILON, Recipe
from train.weights import Weights


def train(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """Train by the recipe, from the weights given or new ones; `monitor` keeps the best."""
    model = ResNet(nnx.Rngs(recipe.seed))
    if start:
        set_weights(model, start)
    accumulation_steps = recipe.accumulation_steps
    steps = optimizer_steps(data.train, recipe)
    schedule = optax.cosine_decay_schedule(recipe.learning_rate, steps)
    adam = optax.adamw(
        schedule, eps=ADAM_EPSILON, weight_decay=recipe.weight_decay, mask=_are_kernels
    )
    optimizer = nnx.Optimizer(
        model,
        optax.MultiSteps(adam, accumulation_steps) if accumulation_steps > 1 else adam,
        wrt=nnx.Param,
    )
    # Split once and merge under jit: the step is then a pure function whose old state is
    # donated, so that weights and moments are updated in place.
    evaluated = ResNet(nnx.Rngs(recipe.seed)) if recipe.ema_decay else model
    graph, state = nnx.split((model, optimizer, evaluated))

    @partial(jax.jit, donate_argnums=0)
    def train_step(
        state: nnx.State, images: jax.Array, labels: jax.Array
    ) -> tuple[nnx.State, jax.Array]:
        model, optimizer, evaluated = nnx.merge(graph, state)
        model.train()

        def loss_of(model: ResNet) -> jax.Array:
            logits = model(images)
            losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean()

        loss, gradients = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, gradients)
        if recipe.ema_decay:
            _update_average(
                evaluated, model, jnp.where(optimizer.step[...] == 1, 0.0, recipe.ema_decay)
            )
        return nnx.state((model, optimizer, evaluated)), loss

    for epoch in monitor.epochs():
        for images, labels in training_batches(data.train, recipe, epoch):
            state, loss = train_step(state, images, labels)
            monitor.step(loss)
        nnx.update((model, optimizer, evaluated), jax.tree.map(jnp.copy, state))
        monitor.end_epoch(
            _logits(evaluated, data.val, recipe), data.val.labels, get_weights(evaluated)
        )


def _are_kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _update_average(average: ResNet, model: ResNet, decay: jax.Array) -> None:
    """Update the moving average by a step; the normalizations' statistics are the model's."""
    weights = nnx.state(model, nnx.Param)
    nnx.update(average, optax.incremental_update(weights, nnx.state(average, nnx.Param), 1 - decay))
    nnx.update(average, nnx.state(model, nnx.BatchStat))


def predict(weights: Weights, split: Split, recipe: Recipe) -> np.ndarray:
    """Logits, float32 N x 8, of the images of a split."""
    model = ResNet(nnx.Rngs(0))
    set_weights(model, weights)
    return _logits(model, split, recipe)


@nnx.jit
def _apply(model: ResNet, images: jax.Array) -> jax.Array:
    return model(images)


def _logits(model: ResNet, split: Split, recipe: Recipe) -> np.ndarray:
    model.eval()
    batches = Batches(split, recipe.micro_batch)
    logits = [np.asarray(_apply(model, images)) for images, _ in batches]
    model.train()
    return np.concatenate(logits)
