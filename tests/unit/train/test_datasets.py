"""The data: synthetic images, and medmnist's file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_data import (
    MEDMNIST_COUNTS,
    empty_file,
    medmnist_file,
    write_web_page,
)

from train import data as data_module
from train import synthetic
from train.data import (
    ROOT_VARIABLE,
    SYNTHETIC_NOTICE,
    DataError,
    load_dataset,
    read_splits,
)


@pytest.mark.parametrize("size", [28, 64])
def test_synthetic_images_are_the_same_every_time(size: int) -> None:
    images, labels = synthetic.draw(100, size, 5)
    again, labels_again = synthetic.draw(100, size, 5)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, labels_again)
    assert (images.dtype, images.shape) == (np.uint8, (100, size, size, 3))
    assert (labels.dtype, labels.shape) == (np.int64, (100,))
    assert not np.array_equal(images, synthetic.draw(100, size, 6)[0])


def test_synthetic_images_have_all_classes_equally_often_and_mixed() -> None:
    labels = synthetic.draw(120, 28, 0)[1]
    assert np.bincount(labels).tolist() == [15] * 8
    assert len(set(labels[:40])) > 4
    assert len(synthetic.CLASS_NAMES) == 8


def test_synthetic_classes_can_be_told_apart() -> None:
    """By something as plain as the nearest mean image, and better than by chance (1/8)."""
    images, labels = synthetic.draw(400, 28, 0)
    means = np.stack([images[labels == label].mean(axis=0) for label in range(8)])
    others, truth = synthetic.draw(200, 28, 1)
    distances = ((others[:, None].astype(float) - means) ** 2).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == truth).mean() > 0.3


def test_the_synthetic_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def draw(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        drawn.append(seed)
        return np.full((count, size, size, 3), seed, np.uint8), np.arange(count) % 8

    monkeypatch.setattr(synthetic, "draw", draw)
    data = load_dataset("synthetic", size=64)
    assert data.notice == SYNTHETIC_NOTICE
    assert "SYNTHETIC" in SYNTHETIC_NOTICE
    assert (data.name, data.size, len(data.classes)) == ("synthetic", 64, 8)
    assert len(set(drawn)) == 3, "splits share images"
    for split in (data.train, data.val, data.test):
        assert split.images.dtype == np.uint8
        assert split.images.shape == (len(split), 64, 64, 3)
    assert sum(data.describe()["train_images_by_class"]) == len(data.train)
    assert data.describe()["images"] == {
        "train": len(data.train),
        "val": len(data.val),
        "test": len(data.test),
    }


@pytest.mark.parametrize("size", [28, 64])
def test_a_medmnist_file_is_read(tmp_path: Path, size: int) -> None:
    path = medmnist_file(tmp_path / "file.npz", size)
    splits = read_splits(path, size, MEDMNIST_COUNTS)
    for name, count in MEDMNIST_COUNTS.items():
        split = splits[name]
        assert (split.images.dtype, split.images.shape) == (np.uint8, (count, size, size, 3))
        assert (split.labels.dtype, split.labels.shape) == (np.int64, (count,))
    with np.load(path) as arrays:
        np.testing.assert_array_equal(splits["val"].images, arrays["val_images"])
        np.testing.assert_array_equal(splits["val"].labels, arrays["val_labels"][:, 0])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip_byte(path: Path) -> None:
    """Inside of the compressed data of the first array."""
    data = bytearray(path.read_bytes())
    for index in range(2000, 2064):
        data[index] ^= 0xFF
    path.write_bytes(data)


def _npy(path: Path) -> None:
    np.save(path.with_suffix(".npy"), np.zeros(3))
    path.with_suffix(".npy").replace(path)


def _other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images.npy", "not an array")


@pytest.mark.parametrize(
    ("arrays", "damage"),
    [
        ({}, _cut),
        ({}, _flip_byte),
        ({}, empty_file),
        ({}, write_web_page),
        ({}, _npy),
        ({}, _other_zip),
        ({"val_images": None}, None),
        ({"test_labels": None}, None),
        ({"train_images": np.zeros((6, 28, 28, 3), np.float32)}, None),
        ({"train_images": np.zeros((6, 28, 28), np.uint8)}, None),
        ({"train_images": np.zeros((5, 28, 28, 3), np.uint8)}, None),
        ({"train_images": np.zeros((6, 64, 64, 3), np.uint8)}, None),
        ({"train_labels": np.full((6, 1), 8, np.uint8)}, None),
        ({"train_labels": np.full((6, 1), -1, np.int8)}, None),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, None),
        ({"train_labels": np.array([["a"]] * 6, dtype=object)}, None),
    ],
)
def test_a_file_that_is_not_medmnists_is_one_line_that_names_it(
    tmp_path: Path, arrays: dict[str, Any], damage: Callable[[Path], None] | None
) -> None:
    path = medmnist_file(tmp_path / "file.npz", **arrays)
    if damage:
        damage(path)
    with pytest.raises(DataError) as error:
        read_splits(path, 28, MEDMNIST_COUNTS)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("damage", [None, _cut, empty_file, write_web_page])
def test_a_local_file_that_is_not_the_official_one_is_refused(
    tmp_path: Path, damage: Callable[[Path], None] | None, size: int
) -> None:
    """Even if the file could be read, and even if synthetic images would do instead."""
    path = medmnist_file(tmp_path / ("bloodmnist.npz" if size == 28 else "bloodmnist_64.npz"), size)
    if damage:
        damage(path)
    for name in ("bloodmnist", "auto"):
        with pytest.raises(DataError, match="md5") as error:
            load_dataset(name, size=size, root=tmp_path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bloodmnist.npz").mkdir()
    with pytest.raises(DataError, match=r"bloodmnist\.npz: cannot be read"):
        load_dataset("bloodmnist", root=tmp_path)


def test_without_file_and_network_the_synthetic_images_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data_module, "_download", lambda root, size: "no network")
    monkeypatch.setattr(synthetic, "draw", lambda n, s, seed: synthetic_draw(8, s, seed))
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    data = load_dataset("auto")
    assert data.notice == SYNTHETIC_NOTICE
    printed = capsys.readouterr().err
    assert str(tmp_path / "bloodmnist.npz") in printed
    assert "no network" in printed
    with pytest.raises(DataError, match=ROOT_VARIABLE) as error:
        load_dataset("bloodmnist")
    assert str(tmp_path / "bloodmnist.npz") in str(error.value)
    assert "no network" in str(error.value)
    assert "\n" not in str(error.value)


synthetic_draw = synthetic.draw


def test_the_real_data() -> None:
    root = os.environ.get(ROOT_VARIABLE)
    path = Path(root or "") / "bloodmnist.npz"
    if not root or not path.is_file():
        pytest.skip(f"needs the real data: a folder with bloodmnist.npz in {ROOT_VARIABLE}")
    data = load_dataset("bloodmnist")
    assert (data.name, data.notice) == ("bloodmnist", None)
    assert (len(data.train), len(data.val), len(data.test)) == (11959, 1712, 3421)
    assert len(data.classes) == 8
    assert all(name and "(" not in name for name in data.classes)
    assert np.bincount(data.train.labels).tolist() == [852, 2181, 1085, 2026, 849, 993, 2330, 1643]
    for split in (data.train, data.val, data.test):
        assert split.images.dtype == np.uint8
        assert split.images.shape[1:] == (28, 28, 3)
