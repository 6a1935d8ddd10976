"""Train the network in PyTorch."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from train.data import Batches, Dataset, Split, optimizer_steps, training_batches
from train.monitor import Monitor
from train.recipe import ADAM_EPSILON, Recipe
from train.torch_resnet import ResNet, get_weights, set_weights
from train.weights import Weights

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
    """Train by the recipe, from the weights given or new ones; `monitor` keeps the best."""
    torch.manual_seed(recipe.seed)
    model = ResNet()
    if start:
        set_weights(model, start)
    # Channels last is the layout of the images and the faster one in oneDNN and cuDNN.
    model.to(DEVICE, memory_format=torch.channels_last)  # type: ignore[call-overload]
    decays = {False: 0.0, True: recipe.weight_decay}  # of kernels
    groups: list[dict[str, Any]] = [
        {
            "params": [p for p in model.parameters() if (p.ndim > 1) == kernels],
            "weight_decay": decay,
        }
        for kernels, decay in decays.items()
    ]
    optimizer = torch.optim.AdamW(groups, recipe.learning_rate, eps=ADAM_EPSILON)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay))
    accumulation_steps = recipe.accumulation_steps
    steps = optimizer_steps(data.train, recipe)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    for epoch in monitor.epochs():
        model.train()
        for step, (images, labels) in enumerate(training_batches(data.train, recipe, epoch)):
            logits = model(torch.from_numpy(images).to(DEVICE))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels).long().to(DEVICE))
            (loss / accumulation_steps).backward()
            if (step + 1) % accumulation_steps == 0:
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                if recipe.ema_decay:
                    averaged.update_parameters(model)
            monitor.step(loss.detach())
        evaluated = cast(ResNet, averaged.module) if recipe.ema_decay else model
        monitor.end_epoch(
            _logits(evaluated, data.val, recipe), data.val.labels, get_weights(evaluated)
        )


def predict(weights: Weights, split: Split, recipe: Recipe) -> np.ndarray:
    """Logits, float32 N x 8, of the images of a split."""
    model = ResNet()
    set_weights(model, weights)
    model.to(DEVICE, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return _logits(model, split, recipe)


@torch.inference_mode()
def _logits(model: ResNet, split: Split, recipe: Recipe) -> np.ndarray:
    model.eval()
    batches = Batches(split, recipe.micro_batch)
    return np.concatenate([model(torch.from_numpy(x).to(DEVICE)).cpu().numpy() for x, _ in batches])
