"""The change of a ratio from one run to another."""

import numpy as np
import pytest

from infer.stats.ratios import change_of, ratio_of


def test_a_change_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        before = random.normal(0.1, 0.02, 6)
        after = random.normal(0.1 + np.log(1.05), 0.06, 10)
        change = change_of(before, after)
        held += change.low <= 1.05 <= change.high
    assert 0.935 < held / 2000 < 0.965


def test_a_change_has_no_interval_where_a_run_has_one_generation():
    change = change_of([0.0], [np.log(2), np.log(2)])
    assert change.value == pytest.approx(2)
    assert change.low is None


def test_equal_differences_have_an_interval_of_no_width():
    change = change_of([0.1, 0.1], [0.1, 0.1])
    assert change.low == change.high == 1


def test_more_comparisons_make_a_change_less_sure():
    single, ten = (change_of([0.0, 0.1, 0.2], [0.3, 0.4, 0.5], n) for n in (1, 10))
    assert ten.low < single.low < single.high < ten.high
    assert single.value == pytest.approx(ratio_of([0.3]).value)
