"""A program of `torch.export` from PyTorch, TorchScript's successor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from export.signature import Predict
from export.torch_serving import Serving, example, predictor


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Write a .pt2 file of a symbolic batch."""
    model = Serving(weights)
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (example(size),), dynamic_shapes={"image": {0: batch}})
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names this machine's folders
    torch.export.save(program, path)
    return predictor(model)
