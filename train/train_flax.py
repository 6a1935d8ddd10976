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
from train.recipe import ADAM_EPSILON, Recipe
from train.watch import Watch
from train.weights import Weights


def train(recipe: Recipe, data: Dataset, watch: Watch, start: Weights | None) -> None:
    """Train by the recipe, from the weights given or new ones; `watch` keeps the best."""
    model = ResNet(nnx.Rngs(recipe.seed))
    if start:
        set_weights(model, start)
    parts = recipe.batch_size // recipe.micro_batch
    steps = optimizer_steps(data.train, recipe)
    schedule = optax.cosine_decay_schedule(recipe.learning_rate, steps)
    adam = optax.adamw(
        schedule, eps=ADAM_EPSILON, weight_decay=recipe.weight_decay, mask=_are_kernels
    )
    optimizer = nnx.Optimizer(
        model, optax.MultiSteps(adam, parts) if parts > 1 else adam, wrt=nnx.Param
    )
    # Split once and merge under jit: the step is then a pure function whose old state is
    # donated, so that weights and moments are updated in place.
    judged = ResNet(nnx.Rngs(recipe.seed)) if recipe.averaging else model
    graph, state = nnx.split((model, optimizer, judged))

    @partial(jax.jit, donate_argnums=0)
    def train_step(
        state: nnx.State, images: jax.Array, labels: jax.Array
    ) -> tuple[nnx.State, jax.Array]:
        model, optimizer, judged = nnx.merge(graph, state)
        model.train()

        def loss_of(model: ResNet) -> jax.Array:
            logits = model(images)
            losses: jax.Array = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean()

        loss, gradients = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, gradients)
        if recipe.averaging:
            _follow(judged, model, jnp.where(optimizer.step[...] == 1, 0.0, recipe.averaging))
        return nnx.state((model, optimizer, judged)), loss

    for epoch in watch.epochs():
        for images, labels in training_batches(data.train, recipe, epoch):
            state, loss = train_step(state, images, labels)
            watch.step(loss)
        nnx.update((model, optimizer, judged), jax.tree.map(jnp.copy, state))
        watch.end_epoch(_logits(judged, data.val, recipe), data.val.labels, get_weights(judged))


def _are_kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _follow(average: ResNet, model: ResNet, kept: jax.Array) -> None:
    """Take the running average a step on; the normalizations' statistics are the model's."""
    weights = nnx.state(model, nnx.Param)
    nnx.update(average, optax.incremental_update(weights, nnx.state(average, nnx.Param), 1 - kept))
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
