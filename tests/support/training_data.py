"""Data and weights that tests of the training share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from train.data import (
    Split,
)
from train.weights import Weights, shapes

# Images of each split of a small file.
MEDMNIST_COUNTS = {"train": 6, "val": 3, "test": 4}


def numbered_split(count: int) -> Split:
    """Images that tell their own number."""
    images = np.zeros((count, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(count) // 256, np.arange(count) % 256
    return Split(images, np.arange(count, dtype=np.int64) % 8)


def random_weights(seed: int = 0) -> Weights:
    """Weights of the right shapes."""
    random = np.random.default_rng(seed)
    return {name: random.random(shape, np.float32) for name, shape in shapes().items()}


def empty_file(path: Path) -> None:
    """Write a file with nothing in it."""
    path.write_bytes(b"")


def write_web_page(path: Path) -> None:
    """Write what a download may be in place of a file."""
    path.write_text("<html>404: Not Found</html>\n" * 9)


def medmnist_file(path: Path, size: int = 28, **arrays: Any) -> Path:
    """A small file in the format of medmnist."""
    random = np.random.default_rng(0)
    contents: dict[str, Any] = {}
    for name, count in MEDMNIST_COUNTS.items():
        contents[f"{name}_images"] = random.integers(0, 256, (count, size, size, 3), np.uint8)
        contents[f"{name}_labels"] = random.integers(0, 8, (count, 1), np.uint8)
    contents |= arrays
    np.savez_compressed(path, **{k: v for k, v in contents.items() if v is not None})
    return path


def marked_weights(number: float) -> Weights:
    """Weights that are all one number."""
    return {name: np.full(shape, number, np.float32) for name, shape in shapes().items()}
