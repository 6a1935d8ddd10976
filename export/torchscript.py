"""TorchScript from PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from export.signature import Predict
from export.torch_serving import Serving, example, predictor


def export(weights: Mapping[str, np.ndarray], size: int, path: Path) -> Predict:
    """Trace the network, which has no branches, and write a TorchScript file."""
    model = Serving(weights)
    torch.jit.trace(model, example(size)).save(str(path))
    return predictor(model)
