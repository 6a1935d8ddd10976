"""The training: recipe, data, weights files, the monitor and the command line."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import types
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import FRAMEWORKS, LIMIT_S, ROOT, Trained, command, environment
from safetensors.numpy import save_file

import train.__main__ as command_line
from train import card, synthetic
from train import data as data_module
from train import frameworks as frameworks_module
from train.data import (
    ROOT_VARIABLE,
    SYMMETRIES,
    SYNTHETIC_NOTICE,
    Batches,
    DataError,
    Dataset,
    Split,
    load_dataset,
    optimizer_steps,
    read_splits,
    symmetric,
    training_batches,
)
from train.metrics import Calibration, calibration, confusion, cross_entropy, seven_metrics
from train.monitor import Monitor
from train.recipe import PIXELS_PER_STEP, SIZES, Recipe
from train.record import read_record
from train.weights import Weights, WeightsError, load_weights, save_weights, shapes

pytest_plugins = ("frameworks",)


# The recipe


def test_the_paper_profile_is_the_papers_method() -> None:
    recipe = Recipe.from_profile("paper", size=64, seed=3)
    assert (recipe.epochs, recipe.batch_size, recipe.train_images) == (20, 128, None)
    assert (recipe.profile, recipe.size, recipe.seed) == ("paper", 64, 3)
    assert recipe.as_dict()["optimizer"] == "adam"
    assert recipe.as_dict()["loss"] == "categorical cross-entropy"


def test_the_quick_profile_is_shorter() -> None:
    quick, paper = Recipe.from_profile("quick"), Recipe.from_profile("paper")
    assert quick.epochs < paper.epochs
    assert quick.train_images is not None
    assert quick.batch_size == paper.batch_size


def test_the_best_profile_has_the_papers_network_epochs_and_batches() -> None:
    best, paper = Recipe.from_profile("best"), Recipe.from_profile("paper")
    assert (best.epochs, best.batch_size, best.train_images) == (20, 128, None)
    assert (paper.symmetries, paper.weight_decay, paper.ema_decay) == (False, 0, 0)
    assert best.symmetries and best.weight_decay and best.ema_decay
    assert best.as_dict()["augmentation"] == "symmetries of the square"


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="quick, paper, best"):
        Recipe.from_profile("long")


def test_a_changed_recipe_is_no_longer_the_profile() -> None:
    assert Recipe.from_profile("paper").changed(epochs=1).profile == "own"
    assert Recipe.from_profile("paper").changed(
        epochs=None, train_images=None
    ) == Recipe.from_profile("paper")


@pytest.mark.parametrize("size", SIZES)
def test_parts_of_a_batch_are_equal_and_bounded(size: int) -> None:
    recipe = Recipe.from_profile("paper", size=size)
    assert recipe.batch_size % recipe.micro_batch == 0
    assert recipe.micro_batch * size**2 <= PIXELS_PER_STEP
    # No smaller than need be: the sizes of the paper take whole batches.
    assert recipe.micro_batch == 128 or 2 * recipe.micro_batch * size**2 > PIXELS_PER_STEP
    assert (recipe.micro_batch == 128) == (size in (28, 64))


def test_the_recipe_can_be_written_down() -> None:
    assert json.loads(json.dumps(Recipe.from_profile("quick").as_dict()))["epochs"] == 2


# Batches


def _numbered(count: int) -> Split:
    """Images that tell their own number."""
    images = np.zeros((count, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(count) // 256, np.arange(count) % 256
    return Split(images, np.arange(count, dtype=np.int64) % 8)


def _numbers(batches: Batches) -> list[int]:
    return [
        int(number)
        for images, _ in batches
        for number in np.rint(images[:, 0, 0, 0] * 255) * 256 + np.rint(images[:, 0, 0, 1] * 255)
    ]


def test_an_epoch_shows_each_image_once() -> None:
    numbers = _numbers(training_batches(_numbered(512), Recipe(), 0))
    assert sorted(numbers) == list(range(512))
    assert numbers != sorted(numbers)


def test_a_last_batch_that_is_not_full_is_left_out() -> None:
    batches = [training_batches(_numbered(600), Recipe(), epoch) for epoch in range(2)]
    numbers = [_numbers(each) for each in batches]
    for own in numbers:
        assert len(own) == len(set(own)) == 512
    assert set(numbers[0]) != set(numbers[1]), "always the same images are left out"


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return _numbers(training_batches(_numbered(256), Recipe(seed=seed), epoch))

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_parts_of_a_batch_hold_the_images_of_the_batch() -> None:
    split = Split(np.zeros((256, 224, 224, 3), np.uint8), np.arange(256) % 8)
    whole = training_batches(split, Recipe(size=28), 0)
    micro_batches = training_batches(split, Recipe(size=224), 0)
    assert (len(whole), len(micro_batches)) == (2, 32)
    np.testing.assert_array_equal(whole.order, micro_batches.order)
    assert optimizer_steps(split, Recipe(size=224, epochs=3)) == 6
    assert optimizer_steps(split, Recipe(size=28, epochs=3)) == 6


def test_symmetries_are_the_eight_of_the_square() -> None:
    image = np.arange(3 * 3 * 1, dtype=np.float32).reshape(1, 3, 3, 1)
    images = {symmetric(image, which).tobytes() for which in range(SYMMETRIES)}
    assert len(images) == 8
    np.testing.assert_array_equal(symmetric(image, 0), image)
    for which in range(SYMMETRIES):
        turned = symmetric(image, which)
        assert turned[0, 1, 1, 0] == image[0, 1, 1, 0]  # the centre stays
        assert sorted(turned.ravel()) == sorted(image.ravel())


def test_images_are_turned_anew_in_every_epoch() -> None:
    split = Split(
        np.random.default_rng(0).integers(256, size=(128, 6, 6, 3), dtype=np.uint8),
        np.zeros(128, np.int64),
    )
    recipe = Recipe(symmetries=True)
    plain, first, second = (
        training_batches(split, own, epoch)[0][0]
        for own, epoch in ((Recipe(), 0), (recipe, 0), (recipe, 1))
    )
    as_they_are = np.all(plain == first, axis=(1, 2, 3))
    assert 4 < as_they_are.sum() < 40  # an eighth
    # Each is an image of the split, in one of its symmetries.
    known = {
        symmetric(split.images[i : i + 1], which).tobytes(): which
        for i in range(128)
        for which in range(SYMMETRIES)
    }
    for images in (first, second):
        found = [known[np.rint(one * 255).astype(np.uint8)[None].tobytes()] for one in images]
        assert set(found) == set(range(SYMMETRIES))
    np.testing.assert_array_equal(first, training_batches(split, recipe, 0)[0][0])


def test_fewer_training_images_are_the_first_ones() -> None:
    numbers = _numbers(training_batches(_numbered(512), Recipe(train_images=256), 0))
    assert sorted(numbers) == list(range(256))


def test_batches_for_prediction_hold_every_image_in_order() -> None:
    batches = Batches(_numbered(300), 128)
    assert [len(labels) for _, labels in batches] == [128, 128, 44]
    assert _numbers(batches) == list(range(300))


def test_images_are_scaled_a_batch_at_a_time() -> None:
    split = Split(np.full((128, 4, 4, 3), 255, np.uint8), np.zeros(128, np.int64))
    images, labels = training_batches(split, Recipe(), 0)[0]
    assert (images.dtype, images.shape, labels.dtype) == (np.float32, (128, 4, 4, 3), np.int32)
    np.testing.assert_array_equal(images, 1)
    np.testing.assert_array_equal(Batches(Split(split.images * 0, split.labels), 8)[0][0], 0)
    assert split.images.dtype == np.uint8


def test_too_few_images_for_a_batch_are_an_error() -> None:
    with pytest.raises(DataError, match="100 training images do not fill one batch of 128"):
        training_batches(_numbered(100), Recipe(), 0)


# The weights file


def _weights(seed: int = 0) -> Weights:
    random = np.random.default_rng(seed)
    return {name: random.random(shape, np.float32) for name, shape in shapes().items()}


def test_weights_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "w.safetensors"
    sha256 = save_weights(path, _weights())
    loaded, again = load_weights(path)
    assert sha256 == again
    assert loaded.keys() == shapes().keys()
    for name, array in _weights().items():
        np.testing.assert_array_equal(loaded[name], array)
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def _missing(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _header_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _text(path: Path) -> None:
    path.write_text("<html>404: Not Found</html>\n" * 9)


def _changed(**arrays: np.ndarray | None) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        weights = _weights() | arrays
        save_file({name: array for name, array in weights.items() if array is not None}, path)

    return change


def _with_nan(path: Path) -> None:
    weights = _weights()
    weights["head.kernel"][3, 4] = np.nan
    save_file(weights, path)


def _bfloat16(path: Path) -> None:
    header = json.dumps({"head.bias": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(16))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_missing, "cannot be read"),
        (_folder, "cannot be read"),
        (_empty, "not a whole safetensors file"),
        (_truncated, "not a whole safetensors file"),
        (_header_cut, "not a whole safetensors file"),
        (_text, "not a whole safetensors file"),
        (_changed(**{"head.bias": None}), "misses head.bias"),
        (_changed(**{"fc.weight": np.zeros(3, np.float32)}), "unknown fc.weight"),
        (_changed(**{"head.kernel": np.zeros((128, 10), np.float32)}), "head.kernel has the shape"),
        (_with_nan, "head.kernel holds values that are not finite"),
        (_bfloat16, ""),
    ],
)
def test_bad_weights_are_one_line_that_names_the_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    complaint: str,
) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, _weights())
    damage(path)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    sha256 = save_weights(path, _weights())
    bad = _weights(1)
    bad["stem.norm.var"][0] = np.inf
    with pytest.raises(WeightsError, match="not finite"):
        save_weights(path, bad)
    assert load_weights(path)[1] == sha256
    assert len(list(tmp_path.iterdir())) == 1


# The data


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


COUNTS = {"train": 6, "val": 3, "test": 4}


def _medmnist(path: Path, size: int = 28, **arrays: Any) -> Path:
    """A small file in the format of medmnist."""
    random = np.random.default_rng(0)
    contents: dict[str, Any] = {}
    for name, count in COUNTS.items():
        contents[f"{name}_images"] = random.integers(0, 256, (count, size, size, 3), np.uint8)
        contents[f"{name}_labels"] = random.integers(0, 8, (count, 1), np.uint8)
    contents |= arrays
    np.savez_compressed(path, **{k: v for k, v in contents.items() if v is not None})
    return path


@pytest.mark.parametrize("size", [28, 64])
def test_a_medmnist_file_is_read(tmp_path: Path, size: int) -> None:
    path = _medmnist(tmp_path / "file.npz", size)
    splits = read_splits(path, size, COUNTS)
    for name, count in COUNTS.items():
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
        ({}, _empty),
        ({}, _text),
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
    path = _medmnist(tmp_path / "file.npz", **arrays)
    if damage:
        damage(path)
    with pytest.raises(DataError) as error:
        read_splits(path, 28, COUNTS)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [28, 64])
@pytest.mark.parametrize("damage", [None, _cut, _empty, _text])
def test_a_local_file_that_is_not_the_official_one_is_refused(
    tmp_path: Path, damage: Callable[[Path], None] | None, size: int
) -> None:
    """Even if the file could be read, and even if synthetic images would do instead."""
    path = _medmnist(tmp_path / ("bloodmnist.npz" if size == 28 else "bloodmnist_64.npz"), size)
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
    told = capsys.readouterr().err
    assert str(tmp_path / "bloodmnist.npz") in told
    assert "no network" in told
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


# Metrics


def test_the_seven_metrics_of_a_known_case() -> None:
    labels = np.array([0, 0, 0, 1])
    logits = np.eye(2)[[0, 0, 1, 1]]
    metrics = seven_metrics(logits, labels)
    assert metrics == pytest.approx(
        {
            "accuracy": 3 / 4,
            "macro_precision": (1 + 1 / 2) / 2,
            "macro_recall": (2 / 3 + 1) / 2,
            "macro_f1": (4 / 5 + 2 / 3) / 2,
            "weighted_precision": 3 / 4 * 1 + 1 / 4 * 1 / 2,
            "weighted_recall": 3 / 4,
            "weighted_f1": 3 / 4 * 4 / 5 + 1 / 4 * 2 / 3,
        }
    )


def test_the_confusion_of_a_known_case_counts_true_classes_by_row() -> None:
    labels = np.array([0, 0, 0, 1])
    assert confusion(np.eye(3)[[0, 0, 1, 1]], labels) == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_calibration_of_known_cases() -> None:
    def of(confidence: float, right: list[bool]) -> Calibration:
        """Two classes, all samples equally sure, some of them rightly."""
        logits = np.tile([math.log(confidence), math.log(1 - confidence)], (len(right), 1))
        return calibration(logits, np.where(right, 0, 1))

    fair = of(0.75, [True, True, True, False])
    assert fair.expected_error == pytest.approx(0)
    assert fair.bins == [(4, pytest.approx(0.75), 0.75)]
    assert of(0.95, [True, False]).expected_error == pytest.approx(0.45)
    assert of(0.95, [True, False]).cross_entropy == pytest.approx(
        -(math.log(0.95) + math.log(0.05)) / 2
    )
    certain = calibration(np.eye(8) * 1e4, np.arange(8))
    assert certain.bins == [(8, 1.0, 1.0)], "a confidence of 1 has a bin"
    both = np.log([[0.6, 0.4], [0.9, 0.1]])
    assert calibration(both, np.array([1, 0])).expected_error == pytest.approx((0.6 + 0.1) / 2)


def test_cross_entropy_of_known_cases() -> None:
    labels = np.array([0, 3])
    assert cross_entropy(np.zeros((2, 8), np.float32), labels) == pytest.approx(math.log(8))
    assert cross_entropy(np.eye(8, dtype=np.float32)[labels] * 1e4, labels) == 0
    assert cross_entropy(-np.eye(8, dtype=np.float32)[labels] * 1e4, labels) == pytest.approx(
        1e4 + math.log(7)
    )


# The monitor

VAL_LABELS = np.array([0, 1, 2, 3])


def _val_logits(right: int, sure: float) -> np.ndarray:
    """Logits of four images of which so many are right; the surer, the lower the loss."""
    chosen = np.where(np.arange(4) < right, VAL_LABELS, 7)
    return np.eye(8, dtype=np.float32)[chosen] * (sure if right else 1)


def _marked(number: float) -> Weights:
    return {name: np.full(shape, number, np.float32) for name, shape in shapes().items()}


def _kept(path: Path) -> float:
    return float(load_weights(path)[0]["head.bias"][0])


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([(1, 1.0), (3, 1.0), (2, 1.0)], 2),  # the highest accuracy
        ([(2, 1.0), (2, 0.5), (2, 0.1)], 1),  # then the lowest loss
        ([(4, 1.0), (4, 2.0), (4, 3.0)], 3),
        ([(2, 1.0), (2, 1.0)], 1),  # then the earlier one
    ],
)
def test_the_monitor_keeps_the_best_epoch(
    tmp_path: Path, epochs: list[tuple[int, float]], best: int
) -> None:
    path = tmp_path / "w.safetensors"
    with Monitor("test", len(epochs), 1, path) as monitor:
        for number in monitor.epochs():
            monitor.step(2.0)
            monitor.step(1.0)
            monitor.end_epoch(_val_logits(*epochs[number]), VAL_LABELS, _marked(number + 1))
    assert not monitor.interrupted
    assert monitor.checkpoint.best is not None
    assert (
        monitor.checkpoint.best.epoch
        == best
        == _kept(path)
        == monitor.checkpoint.load()["head.bias"][0]
    )
    told = json.loads(json.dumps(monitor.describe()))
    assert told["best_epoch"] == best
    assert told["interrupted"] is False
    assert [epoch["epoch"] for epoch in told["history"]] == list(range(1, len(epochs) + 1))
    assert told["history"][0]["loss"] == 1.5
    assert told["history"][0]["val_accuracy"] == epochs[0][0] / 4
    assert told["history"][0]["val_loss"] == pytest.approx(
        cross_entropy(_val_logits(*epochs[0]), VAL_LABELS)
    )


def test_an_epochs_weights_are_on_disk_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with Monitor("test", 2, 1, path) as monitor:
        for number in monitor.epochs():
            monitor.step(1.0)
            monitor.end_epoch(_val_logits(number + 1, 1), VAL_LABELS, _marked(number))
            assert _kept(path) == number


def test_ctrl_c_ends_the_training_and_keeps_the_best(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with Monitor("test", 9, 1, path) as monitor:
        for number in monitor.epochs():
            monitor.step(1.0)
            if number == 2:
                raise KeyboardInterrupt
            monitor.end_epoch(_val_logits(2 - number, 1), VAL_LABELS, _marked(number + 1))
    assert monitor.interrupted
    assert monitor.describe()["interrupted"] is True
    assert monitor.describe()["best_epoch"] == 1 == _kept(path)
    assert len(monitor.history) == 2


def test_ctrl_c_in_the_first_epoch_leaves_nothing(tmp_path: Path) -> None:
    with Monitor("test", 9, 1, tmp_path / "w.safetensors") as monitor:
        raise KeyboardInterrupt
    assert monitor.interrupted
    assert monitor.checkpoint.best is None
    assert not list(tmp_path.iterdir())


def test_other_errors_pass_through_the_monitor(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Monitor("test", 1, 1, tmp_path / "w") as monitor:
        raise ZeroDivisionError
    assert not monitor.interrupted


# The command line, with a framework that is made up


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """In place of PyTorch, a framework whose epochs do what the test says; and little data."""
    control = types.SimpleNamespace(epoch=lambda number: None, started_from=None, predicted=None)

    def run(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
        control.started_from = start
        for number in monitor.epochs():
            for _ in training_batches(data.train, recipe, number):
                monitor.step(1.0)
            control.epoch(number)
            logits = np.eye(8)[data.val.labels] * (number == 1)
            monitor.end_epoch(logits, data.val.labels, _marked(number + 1))

    def predict(weights: Weights, split: Split, recipe: Recipe) -> np.ndarray:
        control.predicted = weights
        return np.eye(8)[split.labels]

    script = types.ModuleType("train.train_torch")
    script.train, script.predict = run, predict
    monkeypatch.setitem(sys.modules, "train.train_torch", script)

    def load(name: str, *, size: int = 28, root: Path | None = None) -> Dataset:
        splits = [Split(*synthetic.draw(count, size, 0)) for count in (256, 8, 8)]
        notice = SYNTHETIC_NOTICE if name == "synthetic" else None
        return Dataset(name, size, synthetic.CLASS_NAMES, *splits, notice)

    monkeypatch.setattr(command_line, "load_dataset", load)
    # The command line sets these for the frameworks.
    for variable in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    yield control


def _main(*arguments: object) -> int:
    """The command line in this process; argparse leaves by SystemExit."""
    try:
        return command_line.main([str(argument) for argument in arguments])
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def test_the_record_says_how_the_weights_came_to_be(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    status = _main("torch", "--dataset", "synthetic", "--epochs", 3, "--seed", 4, "--out", tmp_path)
    assert status == 0
    path = tmp_path / "torch-own-28-seed4-synthetic.safetensors"
    record = read_record(path)
    assert record is not None
    assert record["framework"] == "torch"
    assert (record["recipe"]["profile"], record["recipe"]["epochs"]) == ("own", 3)
    assert record["recipe"]["seed"] == 4
    assert (record["dataset"]["name"], record["dataset"]["notice"]) == (
        "synthetic",
        SYNTHETIC_NOTICE,
    )
    assert SYNTHETIC_NOTICE in record["notices"]
    assert (record["best_epoch"], len(record["history"])) == (2, 3)
    assert record["weights"] == {"file": path.name, "sha256": load_weights(path)[1]}
    assert record["test_metrics"]["accuracy"] == 1
    assert record["started_from"] is None
    assert record["environment"]["versions"]["torch"]
    # The test images are predicted with the weights that were kept, not with the last ones.
    assert made_up.predicted["head.bias"][0] == 2
    told = capsys.readouterr()
    assert f"*** {SYNTHETIC_NOTICE}" in told.err
    assert SYNTHETIC_NOTICE in told.out
    assert str(path) in told.out


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_a_profile_names_the_file_and_a_quick_one_says_so(
    tmp_path: Path,
    made_up: types.SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    profile: str,
) -> None:
    options = ("--profile", profile, "--dataset", "bloodmnist", "--out", tmp_path)
    assert _main("torch", *options) == 0
    record = read_record(tmp_path / f"torch-{profile}-28-seed0.safetensors")
    assert record is not None
    told = capsys.readouterr()
    assert ("QUICK TRAINING" in told.err) == (profile == "quick")
    assert ("QUICK TRAINING" in told.out) == (profile == "quick")
    assert len(record["notices"]) == (profile == "quick")


def test_training_starts_from_other_weights(tmp_path: Path, made_up: types.SimpleNamespace) -> None:
    start = tmp_path / "start.safetensors"
    sha256 = save_weights(start, _weights())
    options = ("--epochs", 1, "--start-from", start, "--out", tmp_path / "out")
    assert _main("torch", "--dataset", "synthetic", *options) == 0
    np.testing.assert_array_equal(made_up.started_from["head.bias"], _weights()["head.bias"])
    record = read_record(next((tmp_path / "out").glob("*.safetensors")))
    assert record is not None
    assert record["started_from"] == sha256


def test_ctrl_c_after_an_epoch_writes_a_record_that_says_so(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def epoch(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    made_up.epoch = epoch
    options = ("--dataset", "synthetic", "--epochs", 5, "--out", tmp_path)
    assert _main("torch", *options) == 130
    record = read_record(next(tmp_path.glob("*.safetensors")))
    assert record is not None
    assert record["interrupted"] is True
    assert (record["best_epoch"], len(record["history"])) == (2, 2)
    assert record["test_metrics"]["accuracy"] == 1
    assert "Traceback" not in capsys.readouterr().err


def test_ctrl_c_in_the_first_epoch_says_that_nothing_was_kept(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def epoch(number: int) -> None:
        raise KeyboardInterrupt

    made_up.epoch = epoch
    options = ("--dataset", "synthetic", "--epochs", 5, "--out", tmp_path)
    assert _main("torch", *options) == 130
    assert not list(tmp_path.iterdir())
    assert "nothing kept" in capsys.readouterr().err


def test_a_training_that_diverges_is_one_line(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--dataset", "synthetic", "--epochs", 1, "--out", tmp_path)
    script = sys.modules["train.train_torch"]
    train = script.train

    def diverging(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
        end_epoch = monitor.end_epoch
        monitor.end_epoch = lambda logits, labels, _: end_epoch(logits, labels, _marked(np.nan))
        train(recipe, data, monitor, start)

    script.train = diverging
    assert _main("torch", *options) == 2
    errors = _errors(capsys)
    assert len(errors) == 1
    assert "not finite" in errors[0]
    assert not list(tmp_path.glob("*.safetensors"))


def test_evaluating_prints_metrics_and_writes_nothing(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "w.safetensors"
    save_weights(weights, _weights())
    out = tmp_path / "out"
    options = ("--dataset", "synthetic", "--evaluate", weights, "--out", out)
    assert _main("torch", *options) == 0
    told = capsys.readouterr()
    assert "accuracy 1.0000" in told.out
    assert SYNTHETIC_NOTICE in told.out
    assert not out.exists()


def _errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return [line for line in told.err.splitlines() if "error:" in line]


@pytest.mark.parametrize(
    "options",
    [
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--train-images", "0"),
        ("--train-images", "-128"),
        ("--train-images", "100"),
        ("--seed", "-1"),
        ("--start-from", "missing.safetensors"),
        ("--evaluate", "missing.safetensors"),
        ("--size", "30"),
        ("--profile", "long"),
    ],
)
def test_wrong_options_are_refused_before_training(
    tmp_path: Path,
    made_up: types.SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, str],
) -> None:
    assert _main("torch", "--dataset", "synthetic", "--out", tmp_path / "out", *options) == 2
    assert len(_errors(capsys)) == 1
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_is_refused_before_training(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    def epoch(number: int) -> None:
        pytest.fail("trained first")

    made_up.epoch = epoch
    out = tmp_path / "file" / "out"
    assert _main("torch", "--dataset", "synthetic", "--epochs", 1, "--out", out) == 2
    (error,) = _errors(capsys)
    assert str(out) in error


@pytest.mark.parametrize(
    ("framework", "package"),
    [
        ("torch", "torch"),
        ("keras", "tensorflow"),
        ("keras", "keras"),
        ("flax", "jax"),
        ("flax", "flax"),
        ("flax", "optax"),
    ],
)
def test_a_framework_that_is_not_installed_is_one_line_that_says_how_to(
    tmp_path: Path,
    made_up: types.SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    framework: str,
    package: str,
) -> None:
    monkeypatch.delitem(sys.modules, "train.train_torch")
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    assert _main(framework, "--dataset", "synthetic", "--out", tmp_path) == 2
    (error,) = _errors(capsys)
    assert "is not installed: pip install" in error


def test_an_unknown_framework_is_one_line(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main("tensorflow", "--dataset", "synthetic", "--out", tmp_path) == 2
    (error,) = _errors(capsys)
    assert "'tensorflow'" in error
    assert all(name in error for name in FRAMEWORKS)


class _Started:
    """Notes the processes that would have been started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

        def popen(arguments: list[str], **options: Any) -> types.SimpleNamespace:
            self.commands.append(arguments)
            self.environments.append(options["env"])
            return types.SimpleNamespace(wait=lambda: status)

        monkeypatch.setattr(subprocess, "Popen", popen)


def test_an_unknown_framework_among_others_is_refused_before_any_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = _Started(monkeypatch)
    assert _main("torch", "tensorflow", "--dataset", "synthetic") == 2
    assert not started.commands
    (error,) = _errors(capsys)
    assert "'tensorflow'" in error


@pytest.mark.parametrize("named", [(), FRAMEWORKS])
def test_each_of_several_frameworks_has_the_same_options(
    monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    """An option's value may be called as a framework is."""
    started = _Started(monkeypatch)
    options = ["--dataset", "synthetic", "--out", "torch"]
    assert _main(*named, *options) == 0
    assert len(started.commands) == len({tuple(c) for c in started.commands}) == len(FRAMEWORKS)
    for arguments, name in zip(started.commands, FRAMEWORKS, strict=True):
        assert name in arguments
        parsed = command_line._parser().parse_args(arguments[arguments.index("train") + 1 :])
        assert parsed.out == Path("torch")
        assert parsed.dataset == "synthetic"


def test_a_framework_is_trained_by_the_interpreter_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = _Started(monkeypatch)
    beside = "/beside/bin/python"
    monkeypatch.setattr(
        frameworks_module,
        "python_with",
        lambda packages: beside if "tensorflow" in packages else sys.executable,
    )
    monkeypatch.setenv("EXPORTBENCH_PYTHONS", beside)
    for named in ([], ["keras"]):
        started.commands.clear()
        assert _main(*named, "--dataset", "synthetic") == 0
        by_name = {arguments[-1]: arguments[0] for arguments in started.commands}
        assert by_name.pop("keras") == beside
        assert set(by_name.values()) <= {sys.executable}
    # The data are read and downloaded with a package that is here and need not be there.
    assert started.environments[-1]["EXPORTBENCH_PYTHONS"] == f"{sys.executable}:{beside}"


def test_what_hides_all_cards_keeps_jax_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS", "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(card, "_DEVICES", (str(tmp_path / "none"),))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    card.use_card()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "JAX_PLATFORMS" not in os.environ  # there may be another accelerator
    monkeypatch.setattr(card, "_DEVICES", (str(tmp_path),))
    os.environ.pop("CUDA_VISIBLE_DEVICES")
    card.use_card()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "JAX_PLATFORMS" not in os.environ
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    card.use_card()
    assert os.environ["JAX_PLATFORMS"] == "cpu"


def test_a_framework_that_fails_leaves_the_others_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    started = _Started(monkeypatch, status=2)
    assert _main("--dataset", "synthetic") == 2
    assert len(started.commands) == len(FRAMEWORKS)


# The command line in processes of its own


def test_all_frameworks_train_in_one_call(trained: Trained) -> None:
    for framework, path in trained.weights.items():
        weights, sha256 = load_weights(path)
        assert weights.keys() == shapes().keys()
        record = trained.record(framework)
        assert record["framework"] == framework
        assert record["weights"] == {"file": path.name, "sha256": sha256}
        assert record["recipe"]["epochs"] == 1
        assert record["recipe"]["train_images"] == 256
        assert record["best_epoch"] == 1
        assert record["interrupted"] is False
        assert np.isfinite(record["history"][0]["loss"])
        assert len(record["test_metrics"]) == 7
        assert record["dataset"]["name"] == "synthetic"
        assert SYNTHETIC_NOTICE in record["notices"]
        assert record["environment"]["versions"]["numpy"] == np.__version__
        assert str(path) in trained.done.stdout
    names = {file.name for file in path.parent.iterdir()}
    assert len(names) == 2 * len(FRAMEWORKS), f"more than weights and records: {names}"
    hashes = {trained.record(framework)["dataset"]["test_sha256"] for framework in FRAMEWORKS}
    assert len(hashes) == 1


def test_the_terminal_shows_notices_and_progress_and_no_noise(trained: Trained) -> None:
    lines = trained.done.stderr.splitlines()
    notices = [line for line in lines if line == f"*** {SYNTHETIC_NOTICE}"]
    epochs = [line for line in lines if line.startswith("epoch 1/1  loss ")]
    assert len(notices) == len(epochs) == len(FRAMEWORKS)
    assert [line for line in lines if line not in notices + epochs] == []
    assert trained.done.stdout.count(SYNTHETIC_NOTICE) == len(FRAMEWORKS)


def test_training_has_moved_the_weights_and_averages(trained: Trained) -> None:
    for framework, path in trained.weights.items():
        weights, _ = load_weights(path)
        for name, array in weights.items():
            if name.endswith(("scale", "var")):
                assert np.abs(array - 1).max() > 1e-4, (framework, name)
            else:
                assert np.abs(array).max() > 1e-4, (framework, name)


def test_the_weights_of_one_framework_are_evaluated_in_another(settled: Path) -> None:
    done = command("train", "flax", "--dataset", "synthetic", "--evaluate", settled)
    assert done.returncode == 0, done.stderr
    record = read_record(settled)
    assert record is not None
    words = done.stdout.splitlines()[1].split()
    found = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    # One image of 1,024 may stand on the edge between two classes.
    assert found == pytest.approx(record["test_metrics"], abs=0.003)
    assert record["test_metrics"]["accuracy"] > 0.2, "a network of one class proves nothing"


def test_ctrl_c_at_the_terminal_keeps_what_was_trained(tmp_path: Path) -> None:
    """It reaches the command and the process that trains; the second framework never starts."""
    options = ("--dataset", "synthetic", "--epochs", "500", "--train-images", "128")
    arguments = ("train", "torch", "flax", *options, "--out", str(tmp_path))
    # A shell that runs the tests in the background may have Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    guard = threading.Timer(LIMIT_S, lambda: os.killpg(process.pid, signal.SIGKILL))
    guard.start()
    try:
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("epoch 1/500"):
                break
        else:
            pytest.fail(f"no epoch: {said}")
        time.sleep(0.2)  # into the next epoch
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    finally:
        guard.cancel()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (path,) = tmp_path.glob("*.safetensors")
    assert path.name.startswith("torch-")
    record = read_record(path)
    assert record is not None
    assert record["interrupted"] is True
    assert record["best_epoch"] in range(1, len(record["history"]) + 1)
    assert len(record["history"]) < 500
    assert record["weights"]["sha256"] == load_weights(path)[1]
    assert len(record["test_metrics"]) == 7
    assert {file.suffix for file in tmp_path.iterdir()} == {".safetensors", ".json"}
    assert str(path) in out


@pytest.mark.parametrize("case", ["unknown framework", "wrong file", "no folder"])
def test_wrong_usage_ends_with_status_2_and_one_line(tmp_path: Path, case: str) -> None:
    _medmnist(tmp_path / "bloodmnist.npz")
    (tmp_path / "file").write_text("")
    arguments, named = {
        "unknown framework": (("caffe", "--dataset", "synthetic"), "'caffe'"),
        "wrong file": (
            ("torch", "--dataset", "bloodmnist", "--data-root", tmp_path),
            str(tmp_path / "bloodmnist.npz"),
        ),
        "no folder": (
            ("torch", "--dataset", "bloodmnist", "--data-root", tmp_path / "file"),
            str(tmp_path / "file"),
        ),
    }[case]
    done = command("train", *arguments, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    *before, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert named in last
    assert not before, "more than one line"
    assert not (tmp_path / "out").exists()


def test_a_damaged_recipe_is_not_read_from_a_record(tmp_path: Path) -> None:
    """A record that cannot be read counts as none."""
    path = tmp_path / "w.safetensors"
    for text in ("", "{", "[1]", '"x"'):
        path.with_suffix(".json").write_text(text)
        assert read_record(path) is None


def test_a_split_knows_its_contents() -> None:
    split = _numbered(16)
    assert split.sha256() == _numbered(16).sha256()
    assert split.sha256() != replace(split, labels=split.labels[::-1].copy()).sha256()
    assert split.sha256() != replace(split, images=split.images + 1).sha256()
