"""Canonical weights: one safetensors file that every framework reads and writes.

Names follow the network: `stem.conv.kernel`, `blocks.3.first.norm.mean`, `head.bias`.
Convolution kernels are HWIO (height, width, inputs, outputs), dense kernels IO; a
normalization has `scale`, `bias`, `mean` and `var`. All tensors are float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from train.recipe import BLOCK_FILTERS, CLASSES, STEM_FILTERS

Weights = dict[str, np.ndarray]


class WeightsError(Exception):
    """A weights file that is missing, damaged or of another network."""


def shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the network, in canonical form."""
    result: dict[str, tuple[int, ...]] = {}

    def conv_norm(name: str, size: int, inputs: int, outputs: int) -> None:
        result[f"{name}.conv.kernel"] = (size, size, inputs, outputs)
        for kind in ("scale", "bias", "mean", "var"):
            result[f"{name}.norm.{kind}"] = (outputs,)

    conv_norm("stem", 3, 3, STEM_FILTERS)
    inputs = STEM_FILTERS
    for index, outputs in enumerate(BLOCK_FILTERS):
        conv_norm(f"blocks.{index}.first", 3, inputs, outputs)
        conv_norm(f"blocks.{index}.second", 3, outputs, outputs)
        if inputs != outputs:
            conv_norm(f"blocks.{index}.skip", 1, inputs, outputs)
        inputs = outputs
    result["head.kernel"] = (inputs, CLASSES)
    result["head.bias"] = (CLASSES,)
    return result


def save_weights(path: Path, weights: Mapping[str, np.ndarray]) -> str:
    """Write canonical weights to a file, whole or not at all; return its SHA-256.

    Raises:
        WeightsError: the tensors are not those of the network, or not finite.
    """
    _check(path, weights)
    data = save({name: np.ascontiguousarray(weights[name], np.float32) for name in sorted(weights)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(path)
    return hashlib.sha256(data).hexdigest()


def load_weights(path: Path) -> tuple[Weights, str]:
    """Read canonical weights and the SHA-256 of their file.

    Raises:
        WeightsError: the file is missing, damaged or holds another network.
    """
    try:
        data = path.read_bytes()
        weights = load(data)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from None
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error})") from None
    _check(path, weights)
    return weights, hashlib.sha256(data).hexdigest()


def _check(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    expected = shapes()
    missing = sorted(expected.keys() - weights.keys())
    extra = sorted(weights.keys() - expected.keys())
    if missing or extra:
        difference = f"misses {missing[0]}" if missing else f"has an unknown {extra[0]}"
        raise WeightsError(f"{path}: not weights of this network ({difference})")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            raise WeightsError(
                f"{path}: {name} has the shape {weights[name].shape}, the network needs {shape}"
            )
        if not np.isfinite(weights[name]).all():
            raise WeightsError(f"{path}: {name} holds values that are not finite")
