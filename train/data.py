"""The data: BloodMNIST through medmnist, or a synthetic stand-in that says so.

Images stay uint8 in memory and are scaled to float32 in 0..1 a batch at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from train import synthetic
from train.interpreters import python_with
from train.recipe import CLASSES, Recipe

SYMMETRIES = 8  # of the square
DATASETS = ("auto", "bloodmnist", "synthetic")
ROOT_VARIABLE = "EXPORTBENCH_DATA_ROOT"
SYNTHETIC_NOTICE = (
    "SYNTHETIC DATA: these are drawings, not blood cells. "
    "Speed and agreement can be judged by them, accuracy cannot."
)
COUNTS = {"train": 11959, "val": 1712, "test": 3421}

# Importing medmnist imports PyTorch, which has no place in the process that trains in
# another framework, and cannot share an environment with TensorFlow's CUDA; so what it knows and
# the download are asked of a process of its own.
_INFO = """
import importlib.util, json, pathlib, runpy
path = pathlib.Path(importlib.util.find_spec("medmnist").origin).with_name("info.py")
print(json.dumps(runpy.run_path(str(path))["INFO"]["bloodmnist"]))
"""
_DOWNLOAD = """
import sys
try:
    import medmnist
    medmnist.BloodMNIST(split="test", root=sys.argv[1], size=int(sys.argv[2]), download=True)
except Exception as error:
    sys.exit(str(error).strip().splitlines()[0])
"""


class DataError(Exception):
    """The data set is missing, damaged or cannot be downloaded."""


@dataclass(frozen=True)
class Split:
    """Images, uint8 N x H x W x 3, and their labels, int64 N."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def sha256(self) -> str:
        """Hash of the images and labels, in their order."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, np.int64).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Three fixed splits, the names of the classes and, if need be, a notice for the reader."""

    name: str
    size: int
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    notice: str | None = None

    def describe(self) -> dict[str, Any]:
        """What the record says of the data."""
        return {
            "name": self.name,
            "size": self.size,
            "classes": list(self.classes),
            "images": {"train": len(self.train), "val": len(self.val), "test": len(self.test)},
            "train_images_by_class": np.bincount(self.train.labels, minlength=CLASSES).tolist(),
            "test_sha256": self.test.sha256(),
            "notice": self.notice,
        }


class Batches:
    """One pass over a split: float32 images, N x H x W x 3 in 0..1, and int32 labels."""

    def __init__(
        self,
        split: Split,
        size: int,
        order: np.ndarray | None = None,
        symmetries: np.ndarray | None = None,
    ) -> None:
        """Take the images in an order, each as one of its eight symmetries (0: as it is)."""
        self.split = split
        self.size = size
        self.order = np.arange(len(split)) if order is None else order
        self.symmetries = symmetries

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.size : (index + 1) * self.size]
        images = self.split.images[chosen].astype(np.float32)
        images /= 255
        if self.symmetries is not None:
            which = self.symmetries[index * self.size : (index + 1) * self.size]
            for symmetry in range(1, SYMMETRIES):
                images[which == symmetry] = symmetric(images[which == symmetry], symmetry)
        return images, self.split.labels[chosen].astype(np.int32)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return (self[index] for index in range(len(self)))


def symmetric(images: np.ndarray, symmetry: int) -> np.ndarray:
    """Square images, N x H x H x C, turned by quarters (0 to 3) and then, from 4 on, mirrored."""
    turned = np.rot90(images, symmetry % 4, axes=(1, 2))
    return turned[:, :, ::-1] if symmetry >= 4 else turned


def training_batches(split: Split, recipe: Recipe, epoch: int) -> Batches:
    """The batches of an epoch, in the same random order in every framework.

    A last batch that is not full is left out, so that every step has one shape and one
    weight; which images it would have held differs from epoch to epoch.
    """
    count = min(recipe.train_images or len(split), len(split))
    steps = count // recipe.batch_size
    if steps == 0:
        raise DataError(
            f"{count} training images do not fill one batch of {recipe.batch_size}: use more"
        )
    random = np.random.default_rng([recipe.seed, epoch])
    order = random.permutation(count)[: steps * recipe.batch_size]
    symmetries = random.integers(SYMMETRIES, size=len(order)) if recipe.symmetries else None
    return Batches(split, recipe.micro_batch, order, symmetries)


def optimizer_steps(split: Split, recipe: Recipe) -> int:
    """Steps of the optimizer in the whole training."""
    batches = len(training_batches(split, recipe, 0))
    return recipe.epochs * batches * recipe.micro_batch // recipe.batch_size


def data_root(given: Path | None) -> Path:
    """The folder of the data files: as given, of the environment, or medmnist's default."""
    return given or Path(os.environ.get(ROOT_VARIABLE) or Path.home() / ".medmnist")


def load_dataset(name: str, *, size: int = 28, root: Path | None = None) -> Dataset:
    """Load the three splits of a data set.

    Args:
        name: "bloodmnist", from a local file or by download; "synthetic"; or "auto", which is
            the first where it can be had and else the second.
        size: image side in pixels.
        root: folder of the file `bloodmnist.npz` (or `bloodmnist_64.npz` and so on).

    Raises:
        DataError: the file is damaged, or "bloodmnist" was asked for and cannot be had.
    """
    if name == "synthetic":
        return _synthetic(size)
    root = data_root(root)
    path = root / f"bloodmnist{'' if size == 28 else f'_{size}'}.npz"
    if not path.exists():
        failure = _download(root, size)
        if failure and name == "auto":
            print(f"{path}: not there, and it could not be downloaded ({failure})", file=sys.stderr)
            return _synthetic(size)
        if failure:
            raise DataError(
                f"{path}: not there, and it could not be downloaded ({failure}); put the file "
                f"there, or name its folder with --data-root or {ROOT_VARIABLE}"
            )
    return _bloodmnist(path, size)


def _synthetic(size: int) -> Dataset:
    splits = {
        name: Split(*synthetic.draw(count, size, seed))
        for seed, (name, count) in enumerate({"train": 4096, "val": 512, "test": 1024}.items())
    }
    return Dataset(
        "synthetic",
        size,
        synthetic.CLASS_NAMES,
        splits["train"],
        splits["val"],
        splits["test"],
        SYNTHETIC_NOTICE,
    )


def _info() -> dict[str, Any]:
    command = [_medmnist(), "-c", _INFO]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise DataError(f"medmnist does not say what its data are: {last}")
    info: dict[str, Any] = json.loads(done.stdout)
    return info


def _medmnist() -> str:
    """The interpreter that has medmnist."""
    python = python_with(["medmnist"])
    if python is None:
        raise DataError("medmnist is not installed: pip install '.[train]'")
    return python


def _download(root: Path, size: int) -> str | None:
    """Fetch the file with medmnist, which shows its progress; return what went wrong."""
    python = _medmnist()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{root}: cannot be made ({error.strerror})") from None
    print(f"Downloading BloodMNIST at {size} pixels to {root}", file=sys.stderr)
    command = [python, "-c", _DOWNLOAD, str(root), str(size)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["unknown error"])[-1]


def _bloodmnist(path: Path, size: int) -> Dataset:
    info = _info()
    expected = info["MD5" if size == 28 else f"MD5_{size}"]
    try:
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        if md5 != expected:
            raise DataError(
                f"{path}: not the official file of {size} pixels, or truncated (md5 {md5}, "
                f"expected {expected}); delete it to download it again"
            )
        splits = read_splits(path, size, COUNTS)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    names = tuple(name.partition("(")[0] for name in info["label"].values())
    return Dataset("bloodmnist", size, names, splits["train"], splits["val"], splits["test"])


def read_splits(path: Path, size: int, counts: dict[str, int]) -> dict[str, Split]:
    """Read a medmnist file and check that it holds what the network can take.

    Raises:
        DataError: an array is missing, or has another shape or type.
    """
    splits = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name, count in counts.items():
                images, labels = arrays[f"{name}_images"], arrays[f"{name}_labels"]
                if images.shape != (count, size, size, 3) or images.dtype != np.uint8:
                    raise DataError(
                        f"{path}: {name}_images is {images.dtype} {images.shape}, expected "
                        f"uint8 {(count, size, size, 3)}"
                    )
                if labels.size != count or labels.min() < 0 or labels.max() >= CLASSES:
                    raise DataError(
                        f"{path}: {name}_labels are not {count} labels in 0..{CLASSES - 1}"
                    )
                splits[name] = Split(images, labels.reshape(-1).astype(np.int64))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a whole medmnist file ({error})") from None
    return splits
