"""The fixed evaluation split as a file that the runner can read without knowing the data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from export.signature import INPUT
from infer.exporting import file_sha256
from train.data import Dataset, Split

# As many as a worker holds in 0.3 GB at 224 pixels; accuracy is not what they are for.
RESIZED_IMAGES = 512
RESIZED_NOTICE = (
    "RESIZED IMAGES: the first {count} test images of {old} pixels, enlarged to {new}. "
    "Speed and agreement can be judged by them, accuracy cannot."
)


@dataclass(frozen=True)
class Evaluation:
    """The test images and labels on disk.

    Attributes:
        path: an `.npz` of `image`, uint8 N x H x W x 3, and `labels`, int64 N.
        sha256: of the file.
        classes: names of the classes.
        notice: what a reader must know of the data.
    """

    path: Path
    sha256: str
    classes: tuple[str, ...]
    notice: str | None

    def images(self, count: int) -> np.ndarray:
        """The first images, float32 in 0..1."""
        with np.load(self.path, allow_pickle=False) as arrays:
            images: np.ndarray = arrays[INPUT][:count]
        return images.astype(np.float32) / np.float32(255)


def write_evaluation(data: Dataset, folder: Path) -> Evaluation:
    """Write the test split to `<name>-<size>-test.npz`; the same data give the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data.name}-{data.size}-test.npz"
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, image=data.test.images, labels=data.test.labels)
    partial.replace(path)
    return Evaluation(path, file_sha256(path), data.classes, data.notice)


def resized(data: Dataset, size: int) -> Dataset:
    """The data set with a part of its test images, enlarged to `size` pixels."""
    images = [
        np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
        for image in data.test.images[:RESIZED_IMAGES]
    ]
    notice = RESIZED_NOTICE.format(count=len(images), old=data.size, new=size)
    return replace(
        data,
        name=f"{data.name}-resized",
        size=size,
        test=Split(np.stack(images), data.test.labels[: len(images)]),
        notice=" ".join(filter(None, (data.notice, notice))),
    )
