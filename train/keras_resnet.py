"""The network in Keras, and its weights to and from the canonical form."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from keras import KerasTensor, layers

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

# Keras's name and ours for the tensors of a normalization layer.
_NORM = {"gamma": "scale", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}


def resnet(size: int, seed: int = 0) -> keras.Model:
    """A functional model from images, N x size x size x 3 in 0..1, to logits, N x 8."""
    seeds = keras.random.SeedGenerator(seed)

    def initializer() -> keras.Initializer:
        return keras.initializers.VarianceScaling(
            INIT_SCALE, "fan_in", "truncated_normal", seed=seeds
        )

    def conv_norm(x: KerasTensor, name: str, filters: int, kernel: int, stride: int) -> KerasTensor:
        padding = "valid"
        if kernel > 1 and stride == 1:
            padding = "same"
        elif kernel > 1:
            x = layers.ZeroPadding2D(PADDING, name=f"{name}.pad")(x)
        x = layers.Conv2D(
            filters,
            kernel,
            stride,
            padding,
            use_bias=False,
            kernel_initializer=initializer(),
            name=f"{name}.conv",
        )(x)
        return layers.BatchNormalization(
            momentum=NORM_DECAY, epsilon=NORM_EPSILON, name=f"{name}.norm"
        )(x)

    image = keras.Input((size, size, 3), name="image")
    x = layers.ReLU()(conv_norm(image, "stem", STEM_FILTERS, 3, 1))
    for index, filters in enumerate(BLOCK_FILTERS):
        name = f"blocks.{index}"
        stride = 1 if x.shape[-1] == filters else 2
        y = layers.ReLU()(conv_norm(x, f"{name}.first", filters, 3, stride))
        y = conv_norm(y, f"{name}.second", filters, 3, 1)
        skip = conv_norm(x, f"{name}.skip", filters, 1, stride) if stride == 2 else x
        x = layers.ReLU()(layers.Add()([y, skip]))
    x = layers.GlobalMaxPooling2D()(x)
    logits = layers.Dense(CLASSES, kernel_initializer=initializer(), name="head")(x)
    return keras.Model(image, logits, name="resnet")


def set_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Put canonical weights (see train.weights) into the model, in its own precision."""
    for layer in model.layers:
        for variable in layer.weights:
            variable.assign(weights[f"{layer.name}.{_NORM.get(variable.name, variable.name)}"])


def get_weights(model: keras.Model) -> Weights:
    """The model's weights in canonical form, float32."""
    return {
        f"{layer.name}.{_NORM.get(variable.name, variable.name)}": np.array(variable, np.float32)
        for layer in model.layers
        for variable in layer.weights
    }
