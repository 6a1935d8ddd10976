"""Batches: order, symmetries and scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from training_data import (
    numbered_split,
)

from train.data import (
    SYMMETRIES,
    Batches,
    DataError,
    Split,
    optimizer_steps,
    symmetric,
    training_batches,
)
from train.recipe import Recipe


def _numbers(batches: Batches) -> list[int]:
    return [
        int(number)
        for images, _ in batches
        for number in np.rint(images[:, 0, 0, 0] * 255) * 256 + np.rint(images[:, 0, 0, 1] * 255)
    ]


def test_an_epoch_shows_each_image_once() -> None:
    numbers = _numbers(training_batches(numbered_split(512), Recipe(), 0))
    assert sorted(numbers) == list(range(512))
    assert numbers != sorted(numbers)


def test_a_last_batch_that_is_not_full_is_left_out() -> None:
    batches = [training_batches(numbered_split(600), Recipe(), epoch) for epoch in range(2)]
    numbers = [_numbers(each) for each in batches]
    for listed in numbers:
        assert len(listed) == len(set(listed)) == 512
    assert set(numbers[0]) != set(numbers[1]), "always the same images are left out"


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return _numbers(training_batches(numbered_split(256), Recipe(seed=seed), epoch))

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
        training_batches(split, profile, epoch)[0][0]
        for profile, epoch in ((Recipe(), 0), (recipe, 0), (recipe, 1))
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
        turns = [known[np.rint(image * 255).astype(np.uint8)[None].tobytes()] for image in images]
        assert set(turns) == set(range(SYMMETRIES))
    np.testing.assert_array_equal(first, training_batches(split, recipe, 0)[0][0])


def test_fewer_training_images_are_the_first_ones() -> None:
    numbers = _numbers(training_batches(numbered_split(512), Recipe(train_images=256), 0))
    assert sorted(numbers) == list(range(256))


def test_batches_for_prediction_hold_every_image_in_order() -> None:
    batches = Batches(numbered_split(300), 128)
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
        training_batches(numbered_split(100), Recipe(), 0)


def test_a_split_knows_its_contents() -> None:
    split = numbered_split(16)
    assert split.sha256() == numbered_split(16).sha256()
    assert split.sha256() != replace(split, labels=split.labels[::-1].copy()).sha256()
    assert split.sha256() != replace(split, images=split.images + 1).sha256()
