"""The self-test in simulation: how often it errs, and what it finds."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from infer.diagnostics.self_test.known_artifacts import ADDED
from infer.diagnostics.self_test.measured import pairs
from infer.diagnostics.self_test.simulated import simulated_family_verdicts, simulated_verdicts
from infer.diagnostics.self_test.verdicts import TRIALS, MeasuredRatio, verdicts
from infer.stats.call_times import log_call_time, paired_differences
from infer.stats.card_simulation import Card
from infer.stats.processor_simulation import SPELLS, Noise, simulate
from infer.stats.ratios import Ratio, ratio_of

pytestmark = pytest.mark.slow


RUNS = 400


def at_most(count: int, of: int, share: float) -> bool:
    """Whether a count is no proof (at 0.1 %) that the share is larger."""
    return stats.binomtest(count, of, share, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("resolve", [None, 0.035])
@pytest.mark.parametrize("noise", [Noise(), Noise(process=0.01, turn=0.04, disturbed=0.1)])
def test_simulated_runs_are_wrong_no_more_often_than_they_say(resolve, noise):
    # Those that end by --resolve are judged after every generation, which takes long.
    runs = RUNS if resolve is None else RUNS // 2
    verdict = simulated_verdicts(runs, 1, noise=noise, resolve=resolve)

    assert at_most(verdict.false_alarms, verdict.comparisons, 0.05)
    assert at_most(verdict.intervals - verdict.covered, verdict.intervals, 0.05)
    assert abs(verdict.bias) < 0.01


def test_a_machine_with_two_states_is_no_reason_for_false_alarms_and_costs_little():
    quiet, spells = (
        simulated_verdicts(RUNS // 2, 1, noise=noise, generations=12)
        for noise in (dataclasses.replace(SPELLS, slow=0, odd=0), SPELLS)
    )
    assert at_most(spells.false_alarms, spells.comparisons, 0.05)
    assert at_most(spells.intervals - spells.covered, spells.intervals, 0.05)
    assert quiet.half_width < spells.half_width < 1.6 * quiet.half_width


def test_a_card_whose_clock_moves_is_no_reason_for_false_alarms():
    verdict = simulated_verdicts(RUNS // 4, 1, card=Card(), generations=12)
    as_on_a_processor = simulated_verdicts(RUNS // 40, 1, card=Card(), generations=12, device="cpu")

    assert at_most(verdict.false_alarms, verdict.comparisons, 0.05)
    assert at_most(verdict.intervals - verdict.covered, verdict.intervals, 0.05)
    assert abs(verdict.bias) < 0.005
    assert not at_most(as_on_a_processor.false_alarms, as_on_a_processor.comparisons, 0.5)


def test_large_differences_are_found_more_often_than_small_ones():
    power = [detected / of for detected, of in simulated_verdicts(RUNS, 2).power.values()]

    assert power == sorted(power)
    assert power[-1] > power[0]


def test_calls_taken_for_independent_would_be_wrong_far_more_often():
    """What the unit of the statistics is for: the same data, judged burst by burst."""
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(RUNS):
        first, second = simulate(
            [1.0, 1.0], generations=TRIALS[0], turns=8, calls=10, noise=Noise(), random=random
        )
        bursts = [
            log_call_time([first[g][t]], "cpu") - log_call_time([second[g][t]], "cpu")
            for g in range(6)
            for t in range(8)
        ]
        ratio = ratio_of(bursts)
        alarms += ratio.high < 1 or ratio.low > 1

    assert not at_most(alarms, RUNS, 0.1)


def test_drift_and_disturbed_bursts_hardly_widen_the_interval():
    """Drift is common to all, and what is slower for a while is passed over."""
    random = np.random.default_rng(4)
    widths = []
    for noise in (Noise(drift=0.0, disturbed=0.0), Noise(drift=0.2, disturbed=0.1)):
        resolutions = []
        for _ in range(50):
            first, second = simulate(
                [1.0, 1.0], generations=8, turns=8, calls=10, noise=noise, random=random
            )
            resolutions.append(ratio_of(paired_differences(first, second, "cpu")).resolution)
        widths.append(np.median(resolutions))

    assert widths[1] < 1.3 * widths[0]


def test_verdicts_are_counted():
    made = [
        MeasuredRatio(Ratio(1.0, 0.9, 1.1, 6), 1.0),
        MeasuredRatio(Ratio(1.2, 1.1, 1.3, 6), 1.0),  # a false alarm
        MeasuredRatio(Ratio(1.05, 1.01, 1.09, 6), 1.05),
        MeasuredRatio(Ratio(1.02, 0.99, 1.04, 6), 1.05),  # not found, not covered
    ]

    verdict = verdicts("made up", [[one] for one in made])
    family = verdicts("made up", [made, made[:1], made[2:3]])

    assert (verdict.comparisons, verdict.false_alarms) == (2, 1)
    assert (verdict.intervals, verdict.covered) == (4, 2)
    assert verdict.power == {"5%": (1, 2)}
    # One wrong interval is enough for the first; the last has no equal artifacts.
    assert (family.comparisons, family.false_alarms) == (2, 1)
    assert (family.intervals, family.covered) == (3, 2)
    assert family.power == {"5%": (2, 3)}


def test_a_simulated_family_is_wrong_no_more_often_than_it_says_and_sees_more():
    noise = Noise(process=0.02, turn=0.01, unequal=0.8, odd=0.03)
    moderated, own = (
        simulated_family_verdicts(RUNS // 2, 1, noise=noise, borrows=borrows)
        for borrows in (True, False)
    )
    assert at_most(moderated.false_alarms, moderated.comparisons, 0.05)
    assert at_most(moderated.intervals - moderated.covered, moderated.intervals, 0.05)
    assert moderated.comparisons == moderated.intervals == RUNS // 2
    assert moderated.half_width < 0.85 * own.half_width


def test_a_simulated_family_of_which_some_rest_is_wrong_no_more_often_than_it_says():
    noise = Noise(process=0.02, turn=0.01, unequal=0.8, odd=0.03)
    family = simulated_family_verdicts(8, 1, noise=noise, resolve=0.03)

    assert at_most(family.intervals - family.covered, family.intervals, 0.05)
    assert family.comparisons == family.intervals == 8
    assert family.half_width <= 0.03
    assert "until 3.0%" in family.title


def test_no_copy_is_in_two_equal_pairs():
    equal = [name for mine, theirs, truth in pairs() if truth == 1 for name in (mine, theirs)]

    assert len(equal) == len(set(equal)) >= 8
    assert sorted(truth for *_, truth in pairs() if truth != 1) == [1 + a for a in ADDED]
