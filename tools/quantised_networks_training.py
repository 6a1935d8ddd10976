"""Deep networks that are trained on scikit-learn's digits in a minute each, to be quantised."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

TRAINING = 1300
SIZE = 16
_HEADS = 4


def convolution(
    taken: int, given: int, size: int = 3, stride: int = 1, groups: int = 1
) -> nn.Module:
    """A convolution and its normalization."""
    layer = nn.Conv2d(taken, given, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(given))


class Added(nn.Module):
    """Layers whose result is added to what they take."""

    def __init__(self, layers: nn.Module, short: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.layers, self.short, self.end = layers, short, end

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layers of both ways, added."""
        added: torch.Tensor = self.end(self.layers(x) + self.short(x))
        return added


def _classes(width: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]


def residual() -> nn.Module:
    """A residual network of 20 layers, as ResNet-20."""
    layers: list[nn.Module] = [convolution(1, 16), nn.ReLU()]
    taken = 16
    for width in (16, 32, 64):
        for block in range(3):
            stride = 2 if block == 0 and width > 16 else 1
            short = nn.Identity() if taken == width else convolution(taken, width, 1, stride)
            first, second = convolution(taken, width, 3, stride), convolution(width, width)
            layers.append(Added(nn.Sequential(first, nn.ReLU(), second), short, nn.ReLU()))
            taken = width
    return nn.Sequential(*layers, *_classes(64))


def depthwise() -> nn.Module:
    """Inverted residuals with depthwise convolutions, as in MobileNetV2: 35 layers."""
    layers: list[nn.Module] = [convolution(1, 16), nn.ReLU6()]
    taken = 16
    for width, blocks, first_stride in ((16, 2, 1), (24, 3, 2), (32, 3, 1), (48, 3, 2)):
        for block in range(blocks):
            stride, inner = first_stride if block == 0 else 1, 4 * taken
            body = nn.Sequential(
                *(convolution(taken, inner, 1), nn.ReLU6()),
                *(convolution(inner, inner, 3, stride, inner), nn.ReLU6()),
                convolution(inner, width, 1),
            )
            keeps = taken == width and stride == 1
            layers.append(Added(body, nn.Identity(), nn.Identity()) if keeps else body)
            taken = width
    return nn.Sequential(*layers, *_classes(48))


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])
        self.end = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, tokens, width = x.shape
        q, k, v = (
            part(x).reshape(-1, tokens, _HEADS, width // _HEADS).transpose(1, 2)
            for part in self.parts
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / (width // _HEADS) ** 0.5, -1)
        given: torch.Tensor = self.end((weights @ v).transpose(1, 2).reshape(-1, tokens, width))
        return given


class Transformer(nn.Module):
    """Four blocks on the 16 patches of an image."""

    def __init__(self, blocks: int = 4, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Linear(16, width)
        self.places = nn.Parameter(torch.randn(1, 16, width) / 10)
        layers: list[nn.Module] = []
        for _ in range(blocks):
            wide = nn.Sequential(
                *(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU()),
                nn.Linear(4 * width, width),
            )
            attention = nn.Sequential(nn.LayerNorm(width), _Attention(width))
            layers += [Added(part, nn.Identity(), nn.Identity()) for part in (attention, wide)]
        self.blocks = nn.Sequential(*layers, nn.LayerNorm(width))
        self.end = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of images, N x 10."""
        x = x.reshape(-1, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(-1, 16, 16)
        scores: torch.Tensor = self.end(self.blocks(self.patches(x) + self.places).mean(1))
        return scores


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "residual20": residual,
    "depthwise35": depthwise,
    "transformer4": Transformer,
}


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images, N x 1 x 16 x 16, and their classes, in a random order that is always the same."""
    loaded = load_digits()
    order = np.random.default_rng(0).permutation(len(loaded.target))
    images = torch.tensor((loaded.images / 16).astype("f4")[order, None])
    images = functional.interpolate(images, (SIZE, SIZE), mode="bilinear")
    return images, torch.tensor(loaded.target[order])


def trained(make: Callable[[], nn.Module], epochs: int) -> nn.Module:
    """A network after a short training."""
    torch.manual_seed(0)
    images, classes = (part[:TRAINING] for part in digits())
    network, size = make(), 64
    optimiser = torch.optim.Adam(network.parameters())
    steps = epochs * (TRAINING // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for step in range(steps):
        if step % (TRAINING // size) == 0:
            order = torch.randperm(TRAINING)
        rows = order[step % (TRAINING // size) * size :][:size]
        loss = functional.cross_entropy(network(images[rows]), classes[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()
