"""A jitted JAX function, serialized by `jax.export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import export as export_jax
from jax.export import symbolic_shape

from export.jax_serving import PLATFORMS, predictor, serving_function
from export.signature import OUTPUT, Predict


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write a serialized function of a symbolic batch, for CPU and CUDA."""
    function = serving_function(weights)
    image = jax.ShapeDtypeStruct(symbolic_shape(f"batch, {size}, {size}, 3"), jnp.float32)
    jitted = jax.jit(lambda image: {OUTPUT: function(image)})
    path.write_bytes(export_jax(jitted, platforms=PLATFORMS)(image).serialize())
    return predictor(function)
