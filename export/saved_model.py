"""SavedModel from Keras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from keras.export import ExportArchive

from export.keras_serving import image_spec, serving_model
from export.signature import OUTPUT, Predict


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write a SavedModel folder. `Model.export` would name the output `output_0`."""
    model = serving_model(weights, size)
    archive = ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda image: {OUTPUT: model(image, training=False)},
        input_signature=[image_spec(size)],
    )
    archive.write_out(str(path), verbose=False)
    return lambda images: np.asarray(model.predict_on_batch(images))
