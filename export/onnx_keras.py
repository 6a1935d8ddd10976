"""ONNX from Keras, through tf2onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from export.keras_serving import image_spec, serving_model
from export.onnx_file import OPSET, write_onnx
from export.signature import OUTPUT, Predict


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write an ONNX file."""
    model = serving_model(weights, size)
    spec = image_spec(size)
    function = tf.function(
        lambda image: {OUTPUT: model(image, training=False)}, input_signature=[spec]
    )
    proto, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=OPSET)
    assert isinstance(proto, onnx.ModelProto)
    write_onnx(proto, path)
    return lambda images: np.asarray(model.predict_on_batch(images))
