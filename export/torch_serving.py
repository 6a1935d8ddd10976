"""The PyTorch network as it is served: images to probabilities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from export.signature import Predict
from train.torch_resnet import ResNet, set_weights


class Serving(nn.Module):
    """Images, N x size x size x 3, to probabilities, N x 8."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.network = ResNet()
        set_weights(self.network, weights)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        return torch.softmax(self.network(image), dim=1)


def example(size: int) -> Tensor:
    """An input to trace with; two images, since one would be taken for a fixed size."""
    return torch.zeros((2, size, size, 3))


def predictor(model: Serving) -> Predict:
    """PyTorch's own prediction."""

    @torch.inference_mode()
    def predict(images: np.ndarray) -> np.ndarray:
        result: np.ndarray = model(torch.from_numpy(images)).numpy()
        return result

    return predict
