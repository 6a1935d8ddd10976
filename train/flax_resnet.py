"""The network in Flax NNX, and its weights to and from the canonical form."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from train.recipe import (
    BLOCK_FILTERS,
    CLASSES,
    INIT_SCALE,
    NORM_DECAY,
    NORM_EPSILON,
    PADDING,
    STEM_FILTERS,
)
from train.weights import Weights

_initializer = jax.nn.initializers.variance_scaling(INIT_SCALE, "fan_in", "truncated_normal")


class ConvNorm(nnx.Module):
    """A convolution and its batch normalization."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int = 1, *, rngs: nnx.Rngs
    ) -> None:
        self.conv = nnx.Conv(
            inputs,
            outputs,
            (size, size),
            stride,
            padding=PADDING if size > 1 else 0,
            use_bias=False,
            kernel_init=_initializer,
            rngs=rngs,
        )
        self.norm = nnx.BatchNorm(outputs, momentum=NORM_DECAY, epsilon=NORM_EPSILON, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        normed: jax.Array = self.norm(self.conv(x))
        return normed


class Block(nnx.Module):
    """Two 3x3 convolutions with a skip connection."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        stride = 1 if inputs == outputs else 2
        self.first = ConvNorm(inputs, outputs, 3, stride, rngs=rngs)
        self.second = ConvNorm(outputs, outputs, 3, rngs=rngs)
        self.skip = ConvNorm(inputs, outputs, 1, stride, rngs=rngs) if stride == 2 else None

    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.second(nnx.relu(self.first(x)))
        result: jax.Array = nnx.relu(y + (x if self.skip is None else self.skip(x)))
        return result


class ResNet(nnx.Module):
    """Images, float N x H x W x 3 in 0..1, to logits, N x 8."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.stem = ConvNorm(3, STEM_FILTERS, 3, rngs=rngs)
        inputs = (STEM_FILTERS, *BLOCK_FILTERS[:-1])
        self.blocks = nnx.List(
            Block(i, o, rngs=rngs) for i, o in zip(inputs, BLOCK_FILTERS, strict=True)
        )
        self.head = nnx.Linear(BLOCK_FILTERS[-1], CLASSES, kernel_init=_initializer, rngs=rngs)

    def __call__(self, image: jax.Array) -> jax.Array:
        x = nnx.relu(self.stem(image))
        for block in self.blocks:
            x = block(x)
        logits: jax.Array = self.head(jnp.max(x, axis=(1, 2)))
        return logits


def set_weights(model: ResNet, weights: Mapping[str, np.ndarray]) -> None:
    """Put canonical weights (see train.weights) into the model, in its own precision."""
    state = nnx.state(model, (nnx.Param, nnx.BatchStat))
    for path, leaf in nnx.to_flat_state(state):
        array = weights[".".join(map(str, path))]
        leaf[...] = jnp.asarray(array, leaf.dtype)
    nnx.update(model, state)


def get_weights(model: ResNet) -> Weights:
    """The model's weights in canonical form, float32."""
    state = nnx.state(model, (nnx.Param, nnx.BatchStat))
    return {
        ".".join(map(str, path)): np.array(leaf[...], np.float32)
        for path, leaf in nnx.to_flat_state(state)
    }
