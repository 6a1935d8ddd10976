"""Intervals of few generations, whose variance is moderated by those of the artifacts beside."""

import numpy as np
import pytest
from scipy import stats

from infer.stats.ratios import ratio_of


def family(random, scatter, generations):
    """Differences of artifacts that are as fast as the reference, which scatters first."""
    times = random.normal(0, scatter, (generations, len(scatter))) / 1000
    return (times[:, 1:] - times[:, :1]).T.tolist()


def ratios(differences, *, borrows=True):
    return [
        ratio_of(
            mine,
            len(differences),
            beside=differences[:place] + differences[place + 1 :] if borrows else (),
        )
        for place, mine in enumerate(differences)
    ]


def is_wrong(ratio):
    return ratio.high < 1 or ratio.low > 1


@pytest.mark.parametrize(
    "scatter",
    [
        pytest.param(np.ones(8), id="alike"),
        pytest.param(np.array([1, 1, 1, 1, 1, 1, 20, 20]), id="two-scatter-more"),
        pytest.param(np.array([20, 1, 1, 1, 1, 1, 1, 1]), id="reference-scatters-more"),
        pytest.param(np.array([1, 1, 1, 20]), id="one-of-three"),
    ],
)
@pytest.mark.parametrize("generations", [2, 3, 5])
def test_the_family_is_wrong_no_more_often_than_it_says(scatter, generations):
    random = np.random.default_rng(1)
    wrong = sum(
        any(map(is_wrong, ratios(family(random, scatter, generations)))) for _ in range(400)
    )
    assert stats.binomtest(wrong, 400, 0.05, alternative="greater").pvalue > 0.001


def test_intervals_of_three_generations_are_half_as_wide():
    random = np.random.default_rng(2)
    runs = [family(random, np.ones(8), 3) for _ in range(100)]
    own, moderated = (
        np.median([r.resolution for run in runs for r in ratios(run, borrows=borrows)])
        for borrows in (False, True)
    )
    assert moderated < 0.55 * own


def test_lucky_generations_are_not_believed():
    lucky, *others = [0.1, 0.1001, 0.1], [0.0, 0.02, 0.05], [0.2, 0.21, 0.25], [-0.1, -0.12, -0.1]
    alone = ratio_of(lucky, 4)
    beside = ratio_of(lucky, 4, beside=others)

    assert alone.resolution < 0.001 < 0.02 < beside.resolution
    assert beside.value == alone.value


def test_an_artifact_that_scatters_more_has_its_own_interval_at_least():
    wild, *others = [0.0, 0.5, 1.0], [0.1, 0.1, 0.11], [0.2, 0.2, 0.21], [0.3, 0.3, 0.31]

    assert ratio_of(wild, 4, beside=others).resolution >= ratio_of(wild).resolution


@pytest.mark.parametrize(("beside", "generations"), [(1, 3), (6, 6), (6, 12)])
def test_nothing_is_borrowed_of_one_other_nor_with_many_generations(beside, generations):
    random = np.random.default_rng(3)
    differences = family(random, np.ones(beside + 2), generations)

    assert ratios(differences) == ratios(differences, borrows=False)


def test_others_of_one_generation_have_nothing_to_lend():
    mine, others = [0.1, 0.2, 0.3], [[0.5], [0.6], []]

    assert ratio_of(mine, 4, beside=others) == ratio_of(mine, 4)
