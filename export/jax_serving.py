"""The Flax network as it is served: images to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import numpy as np
from flax import nnx

from export.signature import Predict
from train.flax_resnet import ResNet, set_weights

# One artifact for both; XLA lowers the function for each.
PLATFORMS = ("cpu", "cuda")


def serving_function(weights: Mapping[str, np.ndarray]) -> Callable[[jax.Array], jax.Array]:
    """A function from images, N x size x size x 3, to probabilities, N x 8.

    Its products ask for float32: the precision is fixed in what is exported, and XLA takes TF32 on
    a GPU where none is asked for (docs.jax.dev, "jax.default_matmul_precision").
    """
    model = ResNet(nnx.Rngs(0))
    set_weights(model, weights)
    model.eval()

    def serve(image: jax.Array) -> jax.Array:
        with jax.default_matmul_precision("highest"):
            probabilities: jax.Array = nnx.softmax(model(image))
        return probabilities

    return serve


def predictor(function: Callable[[jax.Array], jax.Array]) -> Predict:
    """JAX's own prediction, jitted."""
    jitted = jax.jit(function)
    return lambda images: np.asarray(jitted(images))
