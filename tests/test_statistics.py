"""What is said of a ratio, and how often it is wrong."""

import math
import statistics

import numpy as np
import pytest

from infer.statistics import Ratio, paired_ratio

# Student's t, two-sided 95 %, from a printed table: degrees of freedom to quantile.
T_TABLE = {1: 12.706, 4: 2.776}


def test_ratio_is_the_geometric_mean_of_the_rounds():
    ratio = paired_ratio([2.0, 8.0, 4.0], [1.0, 1.0, 1.0])

    assert ratio.value == pytest.approx(4)
    assert ratio.rounds == 3


def test_ratio_and_its_inverse_are_one():
    times, reference = [1.0, 1.2, 0.9], [2.0, 2.1, 2.2]
    there, back = paired_ratio(times, reference), paired_ratio(reference, times)

    assert there.value * back.value == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1)


def test_interval_is_students_on_the_logs():
    times, reference = [1.0, 1.3, 1.1, 1.2, 1.4], [1.0, 1.1, 1.2, 1.0, 1.1]
    logs = [math.log(a / b) for a, b in zip(times, reference, strict=True)]
    half = T_TABLE[4] * statistics.stdev(logs) / math.sqrt(5)

    ratio = paired_ratio(times, reference)

    assert math.log(ratio.low) == pytest.approx(statistics.mean(logs) - half, abs=1e-4)
    assert math.log(ratio.high) == pytest.approx(statistics.mean(logs) + half, abs=1e-4)


def test_interval_holds_the_truth():
    ratio = paired_ratio([2.1, 1.9, 2.05, 1.95], [1.0, 1.0, 1.0, 1.0])

    assert ratio.low < 2 < ratio.high
    assert ratio.high / ratio.low < 1.2


def test_drift_that_a_round_shares_cancels():
    drift = np.array([1.0, 3.0, 0.4, 2.0, 7.0])

    ratio = paired_ratio(list(1.05 * drift), list(drift))

    assert (ratio.low, ratio.high) == pytest.approx((1.05, 1.05))
    assert ratio.verdict == "slower"


def test_more_comparisons_widen_the_interval_as_bonferroni_says():
    times, reference = [1.0, 1.2], [1.0, 1.0]
    one, ten = (paired_ratio(times, reference, n) for n in (1, 10))

    assert ten.low < one.low < one.value == ten.value < one.high < ten.high
    # At 99.5 % and one degree of freedom, t is 127.32.
    widening = math.log(ten.high / ten.low) / math.log(one.high / one.low)
    assert widening == pytest.approx(127.32 / T_TABLE[1], rel=1e-3)


def test_one_round_has_a_ratio_and_no_interval():
    ratio = paired_ratio([3.0], [2.0])

    assert ratio.value == pytest.approx(1.5)
    assert (ratio.low, ratio.high, ratio.resolution) == (None, None, None)
    assert ratio.verdict == "too few rounds to say"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.9, "faster"),
        (1.1, 1.4, "slower"),
        (0.8, 1.25, "no difference found (could have seen 25%)"),
        (1.0, 1.21, "no difference found (could have seen 10%)"),
        (None, None, "too few rounds to say"),
    ],
)
def test_verdict(low, high, verdict):
    assert Ratio(1.0, low, high, 5).verdict == verdict


def simulate(
    random: np.random.Generator, truths: list[float], rounds: int
) -> tuple[list[list[float]], list[float]]:
    """Times of artifacts and of a reference.

    Each process has noise of its own, with the odd slow one, and all of a round share a drift.
    """

    def noise() -> np.ndarray:
        slow = np.where(random.random(rounds) < 0.1, random.exponential(0.1, rounds), 0)
        return np.exp(random.normal(0, 0.03, rounds) + slow)

    drift = np.exp(np.cumsum(random.normal(0, 0.2, rounds)))
    return [list(truth * drift * noise()) for truth in truths], list(drift * noise())


RUNS = 2000
# Three standard deviations of a share of 5 % among so many runs.
MONTE_CARLO = 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("rounds", [3, 5])
@pytest.mark.parametrize("artifacts", [1, 4])
def test_false_alarms_of_equal_artifacts_stay_at_five_percent_of_the_runs(rounds, artifacts):
    random = np.random.default_rng(rounds * 10 + artifacts)
    alarms = 0
    for _ in range(RUNS):
        times, reference = simulate(random, [1.0] * artifacts, rounds)
        verdicts = [paired_ratio(own, reference, artifacts).verdict for own in times]
        alarms += any(verdict in ("faster", "slower") for verdict in verdicts)

    assert alarms / RUNS <= 0.05 + MONTE_CARLO
    assert alarms > 0  # an interval that is never wrong says nothing


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(RUNS):
        (times,), reference = simulate(random, [1.3], 5)
        ratio = paired_ratio(times, reference)
        covered += ratio.low <= 1.3 <= ratio.high

    assert covered / RUNS >= 0.95 - MONTE_CARLO


def test_a_difference_is_found_though_rounds_drift_by_as_much():
    random = np.random.default_rng(2)
    verdicts = []
    for _ in range(200):
        (times,), reference = simulate(random, [1.3], 5)
        verdicts.append(paired_ratio(times, reference).verdict)

    assert verdicts.count("slower") > 150
    assert "faster" not in verdicts
