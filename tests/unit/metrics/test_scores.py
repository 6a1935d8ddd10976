"""Intervals of metrics: paired by sample, in one run or between runs."""

import numpy as np
import pytest
import scipy
from sklearn import metrics

from infer.metrics.classes import CLASS_METRICS, class_parts
from infer.metrics.metric import mean
from infer.metrics.probabilities import AREA, area_part
from infer.metrics.score import difference, scores_of_parts
from infer.stats.accuracy import paired_difference
from infer.stats.resampling import resample_counts

RANDOM = np.random.default_rng(5)
N = 200
ERROR = mean("error", "error", "mean", lower_is_better=True)
F1 = next(metric for metric in CLASS_METRICS if metric.name == "macro_f1")


def test_resamples_are_the_same_in_every_run():
    counts = np.concatenate(list(resample_counts(5, 3)))

    assert counts.tolist() == [[1, 0, 0, 3, 1], [1, 1, 1, 1, 1], [2, 1, 1, 0, 1]]
    assert all((batch.sum(axis=1) == 4_000).all() for batch in resample_counts(4_000, 1_500))


def test_an_interval_is_that_of_scipys_paired_bootstrap():
    mine, theirs = RANDOM.exponential(size=(2, N))
    mine = theirs + 0.1 * mine

    found = difference(
        *(scores_of_parts([ERROR], {"error": side})["error"] for side in (mine, theirs))
    )

    bootstrap = scipy.stats.bootstrap(
        (mine, theirs),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=5000,
        rng=1,
    )
    wanted = bootstrap.confidence_interval
    assert found.value == pytest.approx((mine - theirs).mean())
    assert found.low == pytest.approx(wanted.low, rel=0.03)
    assert found.high == pytest.approx(wanted.high, rel=0.03)


def test_an_average_over_classes_has_the_interval_of_scipys_bootstrap():
    true = RANDOM.integers(0, 4, N)
    answers = [np.where(RANDOM.random(N) < share, true, (true + 1) % 4) for share in (0.8, 0.7)]

    scores = [scores_of_parts([F1], class_parts(answer, true))["macro_f1"] for answer in answers]

    wanted = [metrics.f1_score(true, answer, average="macro") for answer in answers]
    assert [score.value for score in scores] == pytest.approx(wanted)
    by_hand = []
    for drawn in RANDOM.integers(0, N, (250, N)):
        pair = [metrics.f1_score(true[drawn], a[drawn], average="macro") for a in answers]
        by_hand.append(pair[0] - pair[1])
    low, high = np.quantile(by_hand, [0.025, 0.975])
    found = difference(*scores)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.025)


def test_a_share_has_tangos_interval():
    mine, theirs = RANDOM.random((2, N)) < 0.9
    scores = [
        scores_of_parts(CLASS_METRICS[:1], class_parts(side.astype(int), np.ones(N, int)))
        for side in (mine, theirs)
    ]

    found = difference(*(score["accuracy"] for score in scores))

    wanted = paired_difference(mine, theirs)
    assert (found.value, found.low, found.high) == (wanted.value, wanted.low, wanted.high)


def test_equal_answers_have_no_difference_at_all():
    values = RANDOM.normal(size=N)
    scores = [scores_of_parts([ERROR], {"error": values})["error"] for _ in range(2)]

    found = difference(*scores)

    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_scores_of_other_numbers_of_samples_are_not_paired():
    scores = [scores_of_parts([ERROR], {"error": np.ones(n)})["error"] for n in (5, 6)]

    assert difference(*scores) is None


def test_the_interval_of_an_area_covers_the_true_one():
    """Of normal scores that are one apart the area is 0.7602 (the normal distribution at 1/√2)."""
    covered = 0
    for _ in range(100):
        true = RANDOM.random(100) < 0.4
        part = area_part((RANDOM.normal(size=100) + true)[:, None], true[:, None])
        interval = scores_of_parts([AREA], {"area": part})["auc"].interval
        covered += interval.low <= scipy.stats.norm.cdf(2**-0.5) <= interval.high

    assert 88 <= covered <= 100
