"""The Keras network as it is served: images to probabilities."""

from __future__ import annotations

import os
from collections.abc import Mapping

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from train.keras_resnet import resnet, set_weights


def serving_model(weights: Mapping[str, np.ndarray], size: int) -> keras.Model:
    """A model from images, N x size x size x 3, to probabilities, N x 8."""
    network = resnet(size)
    set_weights(network, weights)
    return keras.Model(network.inputs, keras.layers.Softmax()(network.output))


def image_spec(size: int) -> tf.TensorSpec:
    """The one input."""
    return tf.TensorSpec((None, size, size, 3), tf.float32, name="image")
