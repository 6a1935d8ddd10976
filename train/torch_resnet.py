"""The network in PyTorch, and its weights to and from the canonical form."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from train.recipe import (
    BLOCK_FILTERS,
    CLASSES,
    INIT_SCALE,
    NORM_DECAY,
    NORM_EPSILON,
    PADDING,
    STEM_FILTERS,
)
from train.weights import Weights

# Our name and PyTorch's for the tensors of a normalization layer.
_NORM = {
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    padding = PADDING if size > 1 else 0
    return nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)


def _norm(filters: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(filters, eps=NORM_EPSILON, momentum=1 - NORM_DECAY)


class ConvNorm(nn.Module):
    """A convolution and its batch normalization."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = _conv(inputs, outputs, size, stride)
        self.norm = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(x))
        return normed


class Block(nn.Module):
    """Two 3x3 convolutions with a skip connection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        self.skip = ConvNorm(inputs, outputs, 1, stride) if stride == 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(torch.relu(self.first(x)))
        return torch.relu(y + self.skip(x))


class ResNet(nn.Module):
    """Images, float N x H x W x 3 in 0..1, to logits, N x 8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_FILTERS, 3)
        inputs = (STEM_FILTERS, *BLOCK_FILTERS[:-1])
        self.blocks = nn.ModuleList(map(Block, inputs, BLOCK_FILTERS))
        self.head = nn.Linear(BLOCK_FILTERS[-1], CLASSES)
        self.apply(_initialize)

    def forward(self, image: Tensor) -> Tensor:
        # Seen as N x C x H x W the memory is PyTorch's channels_last, at no cost.
        x = torch.relu(self.stem(image.permute(0, 3, 1, 2)))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(torch.amax(x, dim=(2, 3)))
        return logits


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        fan_in = module.weight[0].numel()
        # The variance that a normal distribution has left when cut at two deviations.
        deviation = math.sqrt(INIT_SCALE / fan_in) / 0.87962566103423978
        nn.init.trunc_normal_(module.weight, 0.0, deviation, -2 * deviation, 2 * deviation)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def _torch_name(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    return f"{layer}.{_NORM[kind]}" if layer.endswith("norm") else name.replace("kernel", "weight")


def set_weights(model: ResNet, weights: Mapping[str, np.ndarray]) -> None:
    """Put canonical weights (see train.weights) into the model, in its own precision."""
    state = {}
    for name, array in weights.items():
        if array.ndim == 4:  # HWIO to OIHW
            array = array.transpose(3, 2, 0, 1)
        elif array.ndim == 2:  # IO to OI
            array = array.T
        state[_torch_name(name)] = torch.from_numpy(np.ascontiguousarray(array))
    for name in model.state_dict():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros((), dtype=torch.long)
    model.load_state_dict(state)


def get_weights(model: ResNet) -> Weights:
    """The model's weights in canonical form, float32."""
    state = model.state_dict()
    kinds = {theirs: ours for ours, theirs in _NORM.items()}
    weights = {}
    for name, tensor in state.items():
        layer, _, kind = name.rpartition(".")
        array = tensor.detach().to("cpu", torch.float32).numpy()
        if layer.endswith("norm"):
            if kind in kinds:
                weights[f"{layer}.{kinds[kind]}"] = array.copy()
        elif array.ndim == 4:
            weights[f"{layer}.kernel"] = np.ascontiguousarray(array.transpose(2, 3, 1, 0))
        elif array.ndim == 2:
            weights[f"{layer}.kernel"] = np.ascontiguousarray(array.T)
        else:
            weights[name] = array.copy()
    return weights
