"""A JAX function as a SavedModel, through jax2tf."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from jax.experimental import jax2tf

from export.jax_serving import PLATFORMS, predictor, serving_function
from export.signature import OUTPUT, Predict


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write a SavedModel folder whose graph calls the compiled function."""
    function = serving_function(weights)
    converted = jax2tf.convert(
        lambda image: {OUTPUT: function(image)},
        polymorphic_shapes=["(batch, _, _, _)"],
        native_serialization_platforms=PLATFORMS,
        with_gradient=False,
    )
    spec = tf.TensorSpec((None, size, size, 3), tf.float32, name="image")
    module = tf.Module()
    module.serve = tf.function(converted, autograph=False, input_signature=[spec])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return predictor(function)
