"""What quantisation may do to an output, and what decides where its numbers do not."""

import numpy as np
import pytest

from infer.parity.comparing import compare, scores_of
from infer.parity.quantised_decision import decide
from infer.parity.tolerance import quantised_tolerances
from infer.stats.accuracy import paired_difference
from infer.tensors.precision import OutputSteps, Precision, Quantisation

RNG = np.random.default_rng(3)
VALUES = RNG.normal(size=(500, 10)) * 3
STEP = 0.1
EIGHT_BITS = Quantisation(4, 8, 6)


def decided(outputs, reference=VALUES, how=EIGHT_BITS, steps=None, truth=None):
    limits = quantised_tolerances({"y": reference}, [(how, {"y": steps} if steps else {})])
    result = compare({"y": outputs}, {"y": reference}, limits)
    accuracy = None
    if truth is not None:
        right = [array.argmax(axis=1) == truth for array in (outputs, reference)]
        accuracy = paired_difference(*right)
    scores = scores_of({"y": reference})
    return decide(result, {"y": outputs}, {"y": reference}, limits, scores, accuracy)


def rounded(values, step=STEP, times=10):
    """Values with the errors of so many roundings to steps."""
    return values + RNG.uniform(-step / 2, step / 2, (times, *values.shape)).sum(axis=0)


def softmax(values):
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


STEPS = OutputSteps(STEP, STEP)


def test_errors_of_as_many_roundings_as_the_file_has_pass():
    decision = decided(rounded(VALUES), steps=STEPS)

    assert decision.passed and decision.decided_by == "numbers"


def test_errors_pass_through_a_softmax_by_its_derivative():
    steps = OutputSteps(1 / 256, STEP, "softmax", 0.0, 1.0)
    outputs = np.round(softmax(rounded(VALUES)) * 256) / 256

    assert decided(outputs, softmax(VALUES), steps=steps).passed
    assert not decided(softmax(VALUES * 1.5), softmax(VALUES), steps=steps).passed


@pytest.mark.parametrize("steps", [STEPS, None], ids=["steps of the file", "stated rule"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: VALUES * 1.2,
        lambda: VALUES + 0.5,
        lambda: np.roll(VALUES, 1, axis=1),
        lambda: RNG.permutation(VALUES),
        lambda: np.broadcast_to(VALUES.mean(axis=0), VALUES.shape),
    ],
    ids=["scale", "zero point", "order of channels", "other weights", "constant"],
)
def test_broken_quantisation_fails(steps, wrong):
    decision = decided(wrong(), steps=steps)

    assert not decision.passed
    assert "root mean square" in decision.text


def test_steps_as_wide_as_the_outputs_let_no_other_network_pass():
    steps = OutputSteps(100.0, 100.0)

    assert not decided(RNG.permutation(VALUES), steps=steps).passed


def test_a_wrong_scale_shows_where_probabilities_are_near_0_and_1():
    sure = VALUES * 4
    steps = OutputSteps(0.0, 4 * STEP, "softmax")

    assert decided(softmax(rounded(sure, step=4 * STEP)), softmax(sure), steps=steps).passed
    decision = decided(softmax(sure * 1.3), softmax(sure), steps=steps)
    assert not decision.passed and "a scale is wrong" in decision.text


def test_two_channels_in_each_others_place_among_a_thousand_fail():
    many = RNG.normal(size=(300, 1000)) * 3
    outputs = rounded(many)
    outputs[:, [10, 20]] = outputs[:, [20, 10]]

    decision = decided(outputs, many, steps=STEPS)

    assert not decision.passed and "a channel is in another place" in decision.text


def test_what_the_range_of_the_output_cuts_off_is_no_error():
    steps = OutputSteps(STEP, STEP, "", -6.0, 6.0)

    assert decided(rounded(np.clip(VALUES, -6, 6), times=2), steps=steps).passed


def test_single_values_that_are_far_off_are_decided_by_labels():
    outputs = rounded(VALUES)
    lowest = VALUES[0].argmin()
    outputs[0, lowest] -= 4.5  # far, and of no influence on the label

    decision = decided(outputs, steps=STEPS)

    assert decision.passed and decision.decided_by == "labels"
    assert "clear labels are the same" in decision.text
    assert not decided(outputs[:15], VALUES[:15], steps=STEPS).passed  # too few to say anything


def test_accuracy_decides_where_there_are_true_labels():
    outputs = rounded(VALUES, times=100)
    truth = VALUES.argmax(axis=1)

    assert not decided(outputs, steps=STEPS).passed
    lost = decided(outputs, steps=STEPS, truth=truth)
    assert not lost.passed and lost.decided_by == "accuracy"
    below = np.minimum(outputs, VALUES.max(axis=1, keepdims=True) - 0.01)
    same_labels = np.where(np.arange(10) == truth[:, None], VALUES, below)
    kept = decided(same_labels, steps=STEPS, truth=truth)
    assert kept.passed and kept.decided_by == "accuracy"


DEEP = Quantisation(52, 8, 78)  # the steps of so many layers may hide a scale that is off by 10 %


@pytest.mark.parametrize(
    ("wrong", "doubt"),
    [
        (VALUES * 1.08, "by 8.0% of its spread in the root mean square"),
        (rounded(VALUES + 0.06, times=1), "by 2.0% in all samples alike"),
    ],
    ids=["scale", "zero point"],
)
def test_what_a_fault_could_have_caused_passes_with_a_doubt(wrong, doubt):
    decision = decided(wrong, how=DEEP)

    assert decision.passed and decision.decided_by == "numbers"
    assert doubt in " ".join(decision.doubts)
    assert not decided(rounded(VALUES, times=3), how=DEEP).doubts


def test_true_labels_decide_what_is_a_doubt_by_numbers():
    truth = VALUES.argmax(axis=1)
    kept = decided(VALUES * 1.08, how=DEEP, truth=truth)

    assert kept.passed and kept.decided_by == "accuracy" and not kept.doubts
    few = decided(rounded(VALUES, times=90)[:100], VALUES[:100], how=DEEP, truth=truth[:100])
    assert few.passed and few.decided_by == "numbers"
    assert "accuracy differs by" in few.doubts[0]  # which may be lower by more than 0.01


def test_steps_that_may_change_more_than_the_outputs_vary_judge_nothing():
    offsets = np.arange(10.0) * 100  # of channels: the outputs vary little beside these
    decision = decided(VALUES + offsets + RNG.normal(size=10) * 3, VALUES + offsets, how=DEEP)

    assert not decision.passed and decision.decided_by == "nothing"
    assert "the numbers judge nothing" in decision.text


def test_errors_of_two_quantised_models_add():
    alone = quantised_tolerances({"y": VALUES}, [(EIGHT_BITS, {"y": STEPS})])["y"].expected
    two = quantised_tolerances({"y": VALUES}, [(EIGHT_BITS, {"y": STEPS})] * 2)["y"].expected

    assert two.limit == pytest.approx(np.sqrt(2) * alone.limit)


def test_fewer_bits_are_allowed_more_and_none_more_than_a_third_of_the_spread():
    def limit(bits):
        return quantised_tolerances({"y": VALUES}, [(Quantisation(3, bits), {})])["y"].expected

    assert limit(16).limit < limit(8).limit < limit(4).limit
    assert limit(2).limit <= limit(2).spread / 3 * 1.0001


def test_names_of_classes_are_decided_by_their_agreement_beyond_chance():
    names = VALUES.argmax(axis=1)
    limits = quantised_tolerances({"y": VALUES, "class": names}, [(EIGHT_BITS, {"y": STEPS})])
    limits["class"] = type(limits["y"])(0.0, "equal")

    def decision(classes):
        outputs, reference = {"y": VALUES, "class": classes}, {"y": VALUES, "class": names}
        compared = compare(outputs, reference, limits)
        return decide(compared, outputs, reference, limits, "y", None)

    few = names.copy()
    few[:10] = (few[:10] + 1) % 10
    assert decision(few).passed and decision(few).decided_by == "labels"
    assert not decision(np.zeros_like(names)).passed


def test_precision_in_words():
    assert Precision("float16").text == "float16"
    assert Precision("float32", "float16").text == "float32, weights of float16"
    assert Precision("float32", "", Quantisation(1, 4)).name == "int4"
    assert Precision().text == Precision().name == ""


def test_a_share_that_may_differ_hides_no_wrong_scale_of_the_others():
    outputs = rounded(VALUES)
    outputs[3, 4] = 1e3
    limits = quantised_tolerances({"y": VALUES}, [(EIGHT_BITS, {"y": STEPS})])

    def passes(outputs, share):
        allowed = {"y": share}
        return compare({"y": outputs}, {"y": VALUES}, limits, allowed=allowed)["passed"]

    assert passes(outputs, 0.001)
    assert not passes(outputs, 0.0001)
    assert not passes(outputs * 1.15, 0.001)
