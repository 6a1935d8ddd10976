"""The interval of a difference of two accuracies on the same samples."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from infer.stats.accuracy import paired_difference


@pytest.mark.parametrize(("gained", "lost", "samples"), [(2, 1, 50), (0, 7, 44), (30, 9, 3421)])
def test_the_ends_of_the_interval_are_where_the_score_test_rejects(gained, lost, samples):
    theirs, mine = np.zeros(samples, bool), np.zeros(samples, bool)
    mine[:gained] = True
    theirs[gained : gained + lost] = True
    difference = paired_difference(mine, theirs)
    assert (difference.gained, difference.lost, difference.samples) == (gained, lost, samples)
    assert difference.low < difference.value < difference.high
    for end, sign in ((difference.low, 1), (difference.high, -1)):
        # The likelihood of the three kinds of pairs, at its largest by search, not by formula.
        least, most = max(0.0, -end), (1 - end) / 2

        def unlikely(share, end=end):
            counts = gained, lost, samples - gained - lost
            shares = share + end, share, 1 - 2 * share - end
            return -sum(n * math.log(max(s, 1e-300)) for n, s in zip(counts, shares, strict=True))

        share = minimize_scalar(
            unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-12}
        ).x
        deviation = math.sqrt(samples * (2 * share + end - end**2))
        assert (gained - lost - samples * end) / deviation == pytest.approx(1.96 * sign, abs=0.002)


@pytest.mark.parametrize("lost", [0, 5, 40])
@pytest.mark.parametrize("count", [40, 3000])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(lost, count):
    random = np.random.default_rng(lost)
    share, held, trials = lost / 200, 0, 400
    for _ in range(trials):
        theirs = random.random(count) < 0.9
        # Of the right ones some are lost, of the wrong ones a fifth is gained.
        mine = np.where(theirs, random.random(count) >= share, random.random(count) < 0.2)
        difference = paired_difference(mine, theirs)
        held += difference.low <= 0.02 - 0.9 * share <= difference.high
    assert held / trials >= 0.92


def test_no_difference_at_all_still_has_an_interval():
    same = np.ones(1000, bool)
    difference = paired_difference(same, same)
    assert difference.value == 0
    assert difference.low == pytest.approx(-difference.high)
    assert 0.003 < difference.high < 0.005
    none = paired_difference(np.ones(3, bool), np.zeros(3, bool))
    assert none.high == 1
    assert none.low < 1
