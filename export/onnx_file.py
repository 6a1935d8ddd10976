"""What the three ONNX exporters share."""

from __future__ import annotations

from pathlib import Path

import onnx

from export.signature import INPUT, OUTPUT

# The newest that all three exporters write, and old enough for runtimes of years ago.
OPSET = 18


def write_onnx(model: onnx.ModelProto, path: Path) -> None:
    """Name the batch, check the model and write it in one file.

    Raises:
        ValueError: the names are not those of the contract.
        onnx.checker.ValidationError: the model is not valid ONNX.
    """
    for value, name in ((model.graph.input[0], INPUT), (model.graph.output[0], OUTPUT)):
        if value.name != name:
            raise ValueError(f"the exporter named '{value.name}' what must be '{name}'")
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
