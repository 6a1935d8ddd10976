"""Quantised ONNX files as OpenVINO's IR: weights of 8 bits, and FakeQuantize around the values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov


def converted(onnx_file: Path, path: Path) -> Path:
    """Write an ONNX file as IR, without a change of precision; return the path."""
    ov.save_model(ov.convert_model(onnx_file), path, compress_to_fp16=False)
    return path


def outputs_of(path: Path, images: np.ndarray) -> np.ndarray:
    """The scores of images, N x 10."""
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled(images[n : n + 64])[0] for n in range(0, len(images), 64)])
