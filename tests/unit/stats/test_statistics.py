"""What is said of a ratio, and how often it is wrong."""

import math
import statistics

import numpy as np
import pytest

from infer.records.protocol import PROTOCOLS
from infer.stats.call_times import Bursts, log_call_time, paired_differences
from infer.stats.disturbance import drop_disturbed_turns, machine_drift
from infer.stats.ratios import Ratio, ratio_of

# Student's t, two-sided 95 %, from a printed table: degrees of freedom to quantile.
T_TABLE = {1: 12.706, 4: 2.776}


def bursts(*generations: list[float]) -> Bursts:
    """Bursts of one call each, a list of turns for every generation."""
    return {
        number: {turn: [seconds] for turn, seconds in enumerate(turns)}
        for number, turns in enumerate(generations)
    }


def compared(mine: Bursts, theirs: Bursts, comparisons: int = 1) -> Ratio:
    return ratio_of(paired_differences(mine, theirs, "cpu"), comparisons)


def by_generation(*seconds: float) -> Bursts:
    """Generations of a single turn."""
    return bursts(*([call_s] for call_s in seconds))


def test_level_is_that_of_the_tenth_percentile():
    assert log_call_time([[2.0, 3.0], [1000.0] * 9], "cpu") == pytest.approx(math.log(3))
    assert log_call_time([[3.0]], "cpu") == pytest.approx(math.log(3))


def test_level_on_a_card_is_that_of_the_usual_clock():
    """Neither the calls before its power is limited nor the slow ones count."""
    burst = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    assert log_call_time([burst, burst, [2.0, 9.0]], "cuda") == pytest.approx(math.log(2))
    assert log_call_time([burst], "cpu") == pytest.approx(0)
    assert log_call_time([[3.0], [4.0]], "cuda") == pytest.approx(math.log(12) / 2)
    reference = {0: {0: [2.0] * 7}}
    assert paired_differences({0: {0: burst}}, reference, "cuda") == pytest.approx([0])


def test_difference_of_a_generation_is_that_of_all_its_calls():
    mine = {0: {0: [9.0] * 5, 1: [4.0] * 5}, 1: {0: [3.0], 1: [3.0]}}
    theirs = {0: {0: [1.0] * 5, 1: [2.0] * 5}, 1: {0: [1.0], 1: [1.0]}}

    # Of the logs, so that an artifact and its reference can change places.
    assert paired_differences(mine, theirs, "cpu") == pytest.approx([math.log(4), math.log(3)])
    assert paired_differences(theirs, mine, "cpu") == pytest.approx([-math.log(4), -math.log(3)])


def test_slow_calls_and_bursts_change_nothing():
    quiet = {0: {0: [2.0, 2.0, 2.0], 1: [2.0, 2.0, 2.0]}}
    disturbed = {0: {0: [2.0, 900.0, 2.0], 1: [70.0, 80.0, 90.0]}}
    reference = {0: {0: [1.0, 1.0, 1.0], 1: [1.0, 1.0, 1.0]}}

    assert paired_differences(disturbed, reference, "cpu") == paired_differences(
        quiet, reference, "cpu"
    )


def test_generations_are_paired_whatever_their_order():
    mine = {1: {1: [8.0], 0: [8.0]}, 0: {0: [20.0]}}
    theirs = {0: {0: [10.0]}, 1: {0: [4.0], 1: [4.0]}}

    assert paired_differences(mine, theirs, "cpu") == pytest.approx([math.log(2)] * 2)


def test_only_turns_that_both_have_are_paired():
    mine = {0: {0: [2.0], 2: [700.0]}}
    theirs = {0: {0: [1.0], 1: [500.0]}}

    assert paired_differences(mine, theirs, "cpu") == pytest.approx([math.log(2)])


def test_only_generations_that_both_have_are_paired():
    mine = {0: {0: [2.0]}, 1: {0: [700.0]}, 3: {0: [6.0]}, 4: {1: [9.0]}}
    theirs = {0: {0: [1.0]}, 2: {0: [500.0]}, 3: {0: [2.0]}, 4: {0: [9.0]}}

    # Of the last one they have no turn in common.
    assert paired_differences(mine, theirs, "cpu") == pytest.approx([math.log(2), math.log(3)])


@pytest.mark.parametrize("theirs", [{}, {1: {0: [1.0]}}, {0: {}}, {0: {1: [1.0]}}])
def test_nothing_to_pair_gives_no_difference(theirs):
    assert paired_differences({0: {0: [2.0]}}, theirs, "cpu") == []


def test_ratio_is_the_geometric_mean_of_the_generations():
    ratio = compared(by_generation(2.0, 8.0, 4.0), by_generation(1.0, 1.0, 1.0))

    assert ratio.value == pytest.approx(4)
    assert ratio.generations == 3


def test_ratio_and_its_inverse_are_one():
    mine, theirs = by_generation(1.0, 1.2, 0.9), by_generation(2.0, 2.1, 2.2)
    there, back = compared(mine, theirs), compared(theirs, mine)

    assert there.value * back.value == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1)


def test_interval_is_students_on_the_logs():
    times, reference = [1.0, 1.3, 1.1, 1.2, 1.4], [1.0, 1.1, 1.2, 1.0, 1.1]
    logs = [math.log(a / b) for a, b in zip(times, reference, strict=True)]
    half = T_TABLE[4] * statistics.stdev(logs) / math.sqrt(5)

    ratio = compared(by_generation(*times), by_generation(*reference))

    assert math.log(ratio.low) == pytest.approx(statistics.mean(logs) - half, abs=1e-4)
    assert math.log(ratio.high) == pytest.approx(statistics.mean(logs) + half, abs=1e-4)


def test_interval_that_was_sought_is_wider():
    """The factor makes up for ending where the interval happens to be narrow."""
    differences = [0.1, 0.2, 0.15, 0.05]
    plain, adaptive = ratio_of(differences), ratio_of(differences, is_adaptive=True)

    assert adaptive.value == plain.value
    assert math.log(adaptive.high / adaptive.low) == pytest.approx(
        1.1 * math.log(plain.high / plain.low)
    )


def test_interval_holds_the_truth():
    ratio = compared(by_generation(2.1, 1.9, 2.05, 1.95), by_generation(1.0, 1.0, 1.0, 1.0))

    assert ratio.low < 2 < ratio.high
    assert ratio.high / ratio.low < 1.2


def test_more_turns_of_the_same_processes_do_not_narrow_the_interval():
    times, reference = [1.0, 1.3, 1.1], [1.0, 1.1, 1.2]

    few = compared(by_generation(*times), by_generation(*reference))
    many = compared(bursts(*([t] * 50 for t in times)), bursts(*([t] * 50 for t in reference)))

    assert (many.low, many.value, many.high) == pytest.approx((few.low, few.value, few.high))
    assert many.generations == 3


@pytest.mark.parametrize(
    "drift",
    [
        [[1.0], [3.0], [0.4], [2.0], [7.0]],  # from one generation to the next
        [[1.0, 3.0, 0.4], [2.0, 7.0, 0.1], [5.0, 1.0, 9.0]],  # within each, too
    ],
)
def test_drift_that_a_turn_shares_cancels(drift):
    slower = [[1.05 * seconds for seconds in turns] for turns in drift]

    ratio = compared(bursts(*slower), bursts(*drift))

    assert (ratio.low, ratio.high) == pytest.approx((1.05, 1.05))
    assert ratio.verdict == "slower (could have seen 0.0%)"


def test_more_comparisons_widen_the_interval_as_bonferroni_says():
    differences = [0.0, math.log(1.2)]
    single, ten = (ratio_of(differences, n) for n in (1, 10))

    assert ten.low < single.low < single.value == ten.value < single.high < ten.high
    # At 99.5 % and one degree of freedom, t is 127.32.
    widening = math.log(ten.high / ten.low) / math.log(single.high / single.low)
    assert widening == pytest.approx(127.32 / T_TABLE[1], rel=1e-3)


def test_one_generation_has_a_ratio_and_no_interval():
    ratio = compared(bursts([3.0, 6.0]), bursts([2.0, 4.0]))

    assert ratio.value == pytest.approx(1.5)
    assert ratio.generations == 1
    assert (ratio.low, ratio.high, ratio.resolution) == (None, None, None)
    assert ratio.verdict == "too few generations to say"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.9, "faster (could have seen 34%)"),
        (0.98, 0.99, "faster (could have seen 0.5%)"),
        (1.1, 1.4, "slower (could have seen 13%)"),
        (0.8, 1.25, "no difference found (could have seen 25%)"),
        (1.0, 1.21, "no difference found (could have seen 10%)"),
        (0.64, 1.0, "no difference found (could have seen 25%)"),
        (0.98, 1.02, "no difference found (could have seen 2.0%)"),
        (None, None, "too few generations to say"),
    ],
)
def test_verdict(low, high, verdict):
    assert Ratio(1.0, low, high, 5).verdict == verdict


TURNS, CALLS = 2, 3


def simulate(
    random: np.random.Generator, truths: list[float], generations: int
) -> tuple[list[Bursts], Bursts]:
    """Bursts of artifacts and of a reference.

    Each process has noise of its own, with the odd slow one, as has each call, and all of a turn
    share a drift.
    """
    drift = np.cumsum(random.normal(0, 0.2, generations * TURNS)).reshape(generations, TURNS, 1)

    def measured(truth: float) -> Bursts:
        slow = random.random(generations) < 0.1
        process = random.normal(0, 0.03, generations)
        process += np.where(slow, random.exponential(0.1, generations), 0)
        calls = random.normal(0, 0.02, (generations, TURNS, CALLS))
        seconds = truth * np.exp(drift + process[:, None, None] + calls)
        return {number: dict(enumerate(turns)) for number, turns in enumerate(seconds.tolist())}

    return [measured(truth) for truth in truths], measured(1.0)


RUNS = 2000
# Three standard deviations of a share of 5 % among so many runs.
MONTE_CARLO = 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("generations", [3, 5])
@pytest.mark.parametrize("artifacts", [1, 4])
def test_false_alarms_of_equal_artifacts_stay_at_five_percent_of_the_runs(generations, artifacts):
    random = np.random.default_rng(generations * 10 + artifacts)
    alarms = 0
    for _ in range(RUNS):
        measured, reference = simulate(random, [1.0] * artifacts, generations)
        verdicts = [compared(times, reference, artifacts).verdict for times in measured]
        alarms += any(verdict.startswith(("faster", "slower")) for verdict in verdicts)

    assert alarms / RUNS <= 0.05 + MONTE_CARLO
    assert alarms > 0  # an interval that is never wrong says nothing


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(RUNS):
        (measured,), reference = simulate(random, [1.3], 5)
        ratio = compared(measured, reference)
        covered += ratio.low <= 1.3 <= ratio.high

    assert covered / RUNS >= 0.95 - MONTE_CARLO


def test_a_difference_is_found_though_turns_drift_by_as_much():
    random = np.random.default_rng(2)
    verdicts = []
    for _ in range(200):
        (measured,), reference = simulate(random, [1.3], 5)
        verdicts.append(compared(measured, reference).verdict.partition(" (")[0])

    assert verdicts.count("slower") > 150
    assert "faster" not in verdicts


def test_unrest_is_what_the_machine_does_to_most_artifacts():
    slow_at_times: Bursts = {0: {0: [1.0, 1.0]}, 1: {0: [1.2, 1.2]}, 2: {0: [1.1, 1.1]}}
    even: Bursts = {g: {0: [3.0, 3.0]} for g in range(3)}
    assert machine_drift([slow_at_times], "cpu") == pytest.approx(0.2)
    assert machine_drift([slow_at_times, slow_at_times, even], "cpu") == pytest.approx(0.2)
    assert machine_drift([slow_at_times, even, even], "cpu") == pytest.approx(0)
    assert machine_drift([{0: {0: [1.0]}}, {}], "cpu") == 0  # one generation says nothing


def spells(
    slow: set[tuple[int, int]], generations: int = 12, turns: int = 4, **calls_s: float
) -> dict[str, Bursts]:
    """Bursts of artifacts on a machine that is a fifth slower in some turns."""
    return {
        name: {
            g: {t: [call_s * (1.2 if (g, t) in slow else 1.0)] * 2 for t in range(turns)}
            for g in range(generations)
        }
        for name, call_s in calls_s.items()
    }


def test_turns_in_which_the_machine_was_slower_are_left_out():
    kept = drop_disturbed_turns(
        spells({(2, 1), (3, 0), (3, 1), (3, 2)}, a=1.0, b=2.0, c=3.0), "cpu"
    )
    for call_s, generations in zip((1.0, 2.0, 3.0), kept.values(), strict=True):
        assert sorted(generations) == [0, 1, 2, *range(4, 12)]  # one turn alone says too little
        assert sorted(generations[2]) == [0, 2, 3]
        assert {
            s for turns in generations.values() for seconds in turns.values() for s in seconds
        } == {call_s}


def test_a_quick_run_leaves_out_turns_too():
    protocol = PROTOCOLS["quick"]
    bursts = spells({(1, 2)}, protocol.generations, protocol.bursts, a=1.0, b=2.0)

    for generations in drop_disturbed_turns(bursts, "cpu").values():
        assert sorted(generations[1]) == [0, 1, 3]


def test_what_is_slower_alone_is_not_the_machine():
    bursts = spells(set(), a=1.0, b=2.0, c=3.0) | spells({(2, 1), (3, 0)}, d=1.0)
    assert drop_disturbed_turns(bursts, "cpu") == bursts
    # Nor is one of two.
    two = spells(set(), a=1.0) | spells({(2, 1)}, b=1.0)
    assert drop_disturbed_turns(two, "cpu") == two


@pytest.mark.parametrize(
    ("slow", "generations", "turns"),
    [
        ({(g, t) for g in range(7) for t in range(4)}, 12, 4),  # over half of the generations
        ({(0, 0)}, 3, 8),  # too few generations
        ({(0, 0)}, 5, 3),  # too few turns
        ({(g, t) for g in range(3) for t in range(2)}, 4, 4),  # too many of few are slow
        (set(), 12, 4),
    ],
)
def test_nothing_is_left_out_where_too_little_would_be_left(slow, generations, turns):
    bursts = spells(slow, generations, turns, a=1.0, b=2.0)
    assert drop_disturbed_turns(bursts, "cpu") == bursts


def test_nothing_to_leave_out():
    assert drop_disturbed_turns({}, "cpu") == {}
    assert drop_disturbed_turns({"a": {}}, "cpu") == {"a": {}}


def test_one_slow_process_does_not_move_the_ratio_of_many_generations():
    random = np.random.default_rng(0)
    logs = random.normal(0.1, 0.01, 12)
    logs[5] = 0.4
    ratio = ratio_of(logs.tolist())
    assert ratio.value == pytest.approx(math.exp(0.1), abs=0.01)
    assert ratio.resolution < 0.015
    # Of few generations none is left out.
    assert ratio_of(logs[:11].tolist()).value == pytest.approx(math.exp(logs[:11].mean()))


@pytest.mark.parametrize("count", [6, 11, 12, 20])
@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_intervals_hold_the_truth_as_often_as_they_say(count, outliers):
    random = np.random.default_rng(1)
    runs = 2000
    logs = random.normal(size=(runs, count))
    logs += 8 * (random.random(logs.shape) < outliers) * random.choice([-1, 1], logs.shape)
    ratios = [ratio_of((run_logs / 100).tolist()) for run_logs in logs]
    missed = sum(not ratio.low <= 1 <= ratio.high for ratio in ratios)
    assert 0.02 < missed / runs < 0.065
