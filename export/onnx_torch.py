"""ONNX from PyTorch, through its `torch.export`-based exporter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from export.onnx_file import OPSET, write_onnx
from export.signature import INPUT, OUTPUT, Predict
from export.torch_serving import Serving, example, predictor


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write an ONNX file."""
    model = Serving(weights)
    program = torch.onnx.export(
        model,
        (example(size),),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        verbose=False,
    )
    assert program is not None
    write_onnx(program.model_proto, path)
    return predictor(model)
