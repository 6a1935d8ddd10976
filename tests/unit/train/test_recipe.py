"""The recipe that all frameworks train by."""

from __future__ import annotations

import json

import pytest

from train.recipe import PIXELS_PER_STEP, SIZES, Recipe


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
