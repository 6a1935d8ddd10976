"""Weights that can be exported, and which of them are the best."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from train.record import read_record
from train.weights import WeightsError, load_weights

TRAINED = Path("artifacts/weights")
PRETRAINED = Path("artifacts/pretrained")


@dataclass(frozen=True)
class Source:
    """Weights with what their record says of them."""

    path: Path
    arrays: dict[str, np.ndarray]
    sha256: str
    record: dict[str, Any]
    suffix: str = ""  # tells them from others of the same name
    side: int | None = None  # of the images to serve, where it is not that of the training

    @property
    def name(self) -> str:
        """Their name in reports."""
        side = f"-at-{self.side}px" if self.size != self.trained_size else ""
        return self.path.stem + self.suffix + side

    @property
    def framework(self) -> str | None:
        """The framework that trained them."""
        return self.record.get("framework")

    @property
    def size(self) -> int:
        """Image side in pixels to export for; the network takes any."""
        return self.side or self.trained_size

    @property
    def trained_size(self) -> int:
        """Image side in pixels of the training."""
        return int(self.record.get("recipe", {}).get("size", 28))

    @property
    def dataset(self) -> str:
        """Name of the data set that they were trained on."""
        return str(self.record.get("dataset", {}).get("name", "bloodmnist"))

    @property
    def val_accuracy(self) -> float:
        """The validation accuracy of the kept epoch; test images are not used to choose."""
        history = self.record.get("history") or [{}]
        best = int(self.record.get("best_epoch") or 1) - 1
        return float(history[best].get("val_accuracy", 0.0))


def read_source(path: Path) -> Source:
    """Read a weights file and its record.

    Raises:
        WeightsError: the file cannot be read, or is not what its record was written for.
    """
    arrays, sha256 = load_weights(path)
    record = read_record(path) or {}
    expected = record.get("weights", {}).get("sha256", sha256)
    if expected != sha256:
        raise WeightsError(f"{path}: altered, its SHA-256 is not that of its record")
    return Source(path, arrays, sha256, record)


def with_unique_names(sources: list[Source]) -> list[Source]:
    """The same weights, with a part of the hash in names that would not be unique."""
    hashes: dict[str, set[str]] = {}
    for source in sources:
        hashes.setdefault(source.name, set()).add(source.sha256)
    return [
        replace(source, suffix=f"-{source.sha256[:8]}") if len(hashes[source.name]) > 1 else source
        for source in sources
    ]


def find_sources(folder: Path) -> list[Source]:
    """All weights of a folder; a damaged file is named and left out."""
    sources = []
    for path in sorted(folder.glob("*.safetensors")):
        try:
            sources.append(read_source(path))
        except WeightsError as error:
            print(f"left out: {error}", file=sys.stderr)
    return sources


def best(sources: list[Source]) -> Source:
    """The highest validation accuracy, real data before synthetic."""
    return max(sources, key=lambda source: (source.dataset == "bloodmnist", source.val_accuracy))


def own_training(sources: list[Source]) -> list[Source]:
    """The best weights of each framework."""
    frameworks = sorted({source.framework for source in sources if source.framework})
    return [best([s for s in sources if s.framework == name]) for name in frameworks]
