"""Agreement of outputs: numbers, labels, task."""

import json

import numpy as np
import pytest

from infer.outcome import Failure, Outcome
from infer.parity.comparable_outputs import check_as_finite, check_classes, check_finite
from infer.parity.comparing import compare
from infer.parity.matching import match_outputs
from infer.parity.tolerance import quantised_tolerances, tolerances
from infer.parity.uninformative_outputs import uninformative_outputs
from infer.tensors.precision import Quantisation
from infer.tensors.rules import Rule

REFERENCE = {"p": np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], np.float32)}


def moved(by, row=1, column=1):
    array = REFERENCE["p"].astype(np.float64)
    array[row, column] += by
    return {"p": array}


def failure(call) -> Failure:
    with pytest.raises(Failure) as caught:
        call()
    assert "\n" not in caught.value.reason
    return caught.value


def test_equal_outputs_pass():
    result = compare(REFERENCE, REFERENCE, 0.0)

    assert result["passed"]
    assert result["largest_difference"] == 0
    assert result["equal_labels"] == 1
    assert result["unequal_samples"] == []


@pytest.mark.parametrize("by", [0.25, -0.25])
@pytest.mark.parametrize(("tolerance", "passed"), [(0.24, False), (0.26, True)])
def test_largest_difference_decides(by, tolerance, passed):
    result = compare(moved(by), REFERENCE, tolerance)

    assert result["passed"] is passed
    assert result["tolerance"] == tolerance
    assert result["largest_difference"] == pytest.approx(0.25, abs=1e-6)
    assert result["largest_relative_difference"] == pytest.approx(0.25 / 0.8, abs=1e-6)


def test_difference_of_exactly_the_tolerance_passes():
    half = {"p": REFERENCE["p"] * 0 + 0.5}

    assert compare({"p": half["p"] + 0.25}, half, 0.25)["passed"]


def test_difference_in_a_later_output_counts():
    first, second = np.zeros((3, 1)), np.zeros((3, 5))

    result = compare({"a": first, "b": second + 1}, {"a": first, "b": second}, 0.5)

    assert not result["passed"]
    assert result["largest_difference"] == 1


def test_integers_are_compared_without_overflow():
    result = compare({"p": np.array([[255]], np.uint8)}, {"p": np.array([[0]], np.uint8)}, 10)

    assert result["largest_difference"] == 255


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_agrees(value):
    assert not compare(moved(value), REFERENCE, 1e9)["passed"]
    assert not compare(REFERENCE, moved(value), 1e9)["passed"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_agrees_with_the_same_of_the_reference(value):
    assert compare(moved(value), moved(value), 0.0)["passed"]
    assert not compare(moved(value), moved(value, row=0), 1e9)["passed"]
    assert not compare(moved(-value), moved(value), 1e9)["passed"] or np.isnan(value)
    check_finite(moved(value), moved(value))
    check_as_finite(moved(value), moved(value), "the other")
    caught = failure(lambda: check_as_finite(REFERENCE, moved(value), "the other"))
    assert "finite in 1 values" in caught.reason and "the other" in caught.reason


def test_disagreeing_samples_are_named():
    outputs = {"p": REFERENCE["p"][:, [1, 0, 2]]}  # rows 0 and 1 change, row 2 does not

    result = compare(outputs, REFERENCE, 1.0)

    assert result["passed"]
    assert result["equal_labels"] == pytest.approx(1 / 3)
    assert result["unequal_samples"] == [0, 1]


def test_so_many_disagreeing_samples_that_some_are_left_out():
    good = np.tile([0.9, 0.1], (1000, 1))

    result = compare({"p": good[:, ::-1]}, {"p": good}, 1.0)

    assert result["equal_labels"] == 0
    assert 0 < len(result["unequal_samples"]) < 100
    json.dumps(result)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 2, 2)])
def test_outputs_that_are_no_classes_have_no_labels(shape):
    result = compare({"x": np.ones(shape)}, {"x": np.ones(shape)}, 0.0)

    assert result["passed"]
    assert "equal_labels" not in result
    assert result["differing"] == []


def test_single_outputs_are_paired_whatever_their_names():
    assert compare({"output_0": REFERENCE["p"]}, REFERENCE, 0.0)["passed"]


def test_several_outputs_are_paired_by_name():
    a, b = np.zeros((3, 2)), np.ones((3, 2))

    assert compare({"b": b, "a": a}, {"a": a, "b": b}, 0.0)["passed"]


@pytest.mark.parametrize(
    "outputs",
    [
        {"p": REFERENCE["p"], "more": REFERENCE["p"]},
        {"a": REFERENCE["p"], "c": REFERENCE["p"]},
    ],
)
def test_other_names_fail(outputs):
    two = {"a": REFERENCE["p"], "b": REFERENCE["p"]}

    caught = failure(lambda: compare(outputs, two, 1.0))  # which pairs nothing itself

    assert caught.outcome == Outcome.PARITY_FAIL
    assert all(name in caught.reason for name in [*outputs, *two])


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3,), (3, 3, 1)])
def test_other_shapes_fail(shape):
    caught = failure(lambda: compare({"p": np.zeros(shape)}, REFERENCE, 1.0))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert str(shape) in caught.reason and "(3, 3)" in caught.reason


def limit(array, *precisions, **how):
    return tolerances({"p": np.asarray(array)}, precisions, **how)["p"]


def test_lower_precision_is_allowed_more():
    allowed = [
        limit(np.ones(3), name).value for name in ("float64", "float32", "float16", "bfloat16")
    ]

    assert allowed == sorted(allowed)
    assert allowed[1] == pytest.approx(1000 * np.finfo(np.float32).eps)


def test_tolerance_grows_with_the_values_of_the_reference():
    ones = limit(np.ones(3, np.float32), "float32")

    assert limit(np.array([50, -200, np.inf], np.float32), "float32").value == 200 * ones.value
    assert limit(np.zeros(3, np.float32), "float32").value == ones.value
    assert "float32" in ones.how and "1,000 roundings" in ones.how


def test_the_coarser_precision_of_two_counts_and_that_of_the_output():
    assert limit(np.ones(3), "float64", "bfloat16") == limit(np.ones(3), "bfloat16")
    assert limit(np.ones(3, np.float16), "float64") == limit(np.ones(3), "float16")


def test_a_given_tolerance_goes_before_all_else():
    assert limit(np.ones(3), "bfloat16", given=0.5).value == 0.5


@pytest.mark.parametrize("values", [[True], [3], ["a"]])
def test_what_is_not_rounded_must_be_equal(values):
    assert limit(values, "float32").value == 0
    assert limit(values, "bfloat16").value == 0


def test_outputs_of_eight_bits_may_be_a_step_apart_where_the_model_is_quantised():
    outputs = {"raw": np.array([3], np.uint8), "class": np.array([3], np.int64)}

    limits = quantised_tolerances(outputs, [(Quantisation(3, 8, 3), {})])

    assert limits["raw"].value == 1
    assert "class" not in limits and limit(outputs["class"], "float32").value == 0


def test_complex_outputs_have_the_tolerance_of_their_parts():
    assert limit(np.ones(3, np.complex64)) == limit(np.ones(3, np.float32))


def test_complex_values_and_text_are_compared():
    a, b = np.array([1 + 1j, 2]), np.array([1 - 1j, 2])
    assert compare({"z": a}, {"z": b}, 1.0)["largest_difference"] == 2
    words = np.array(["one", "two"])
    assert compare({"t": words.astype(object)}, {"t": words}, 0.0)["passed"]
    result = compare({"t": words}, {"t": np.array(["one", "three"])}, 0.0)
    assert not result["passed"]
    assert result["differing"][0]["answer"] == {"label": "t", "value": "two"}


def test_high_correlation_is_no_equality():
    scores = np.linspace(0, 1, 300).reshape(100, 3)

    assert not compare({"p": scores * 1.01}, {"p": scores}, limit_of(scores))["passed"]


def limit_of(array):
    return tolerances({"p": array}, ["float32"])


def test_absolute_values_where_signs_are_not_unique():
    vectors = np.array([[0.6, -0.8], [1.0, 0.0]])

    assert not compare({"v": -vectors}, {"v": vectors}, 1e-6)["passed"]
    assert compare({"v": -vectors}, {"v": vectors}, 1e-6, absolute=["v"])["passed"]


def test_the_output_that_fails_most_is_reported():
    a, b = np.zeros((2, 1)), np.zeros((2, 1))
    limits = tolerances({"a": a, "b": b + 1000}, ["float32"])

    result = compare({"a": a + 0.01, "b": b + 1000.02}, {"a": a, "b": b + 1000}, limits)

    assert not result["passed"]
    assert result["largest_difference"] == pytest.approx(0.01)
    assert result["by_output"]["b"]["passed"] and not result["by_output"]["a"]["passed"]


def test_samples_that_differ_are_listed_with_both_answers():
    outputs = {"p": REFERENCE["p"][:, [1, 0, 2]]}

    first = compare(outputs, REFERENCE, 1.0, classes=("cat", "dog", "owl"))["differing"][0]

    assert first["sample"] == 0
    assert first["reference"] == {"label": "cat", "value": pytest.approx(0.7)}
    assert first["answer"] == {"label": "dog", "value": pytest.approx(0.7)}


def test_values_beyond_tolerance_are_listed_worst_first():
    expected = np.zeros((4, 2, 2))
    array = expected.copy()
    array[1, 0, 1], array[3, 1, 0] = 0.5, -2

    listed = compare({"x": array}, {"x": expected}, 0.1)["differing"]

    assert [sample["sample"] for sample in listed] == [3, 1]
    assert listed[0]["answer"] == {"label": "x[1, 0]", "value": -2}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 2)), "0 everywhere"),
        (np.full((3, 2), 0.5), "0.5 everywhere"),
        (np.tile([0.2, 0.8], (3, 1)), "the same for all 3 samples"),
        (np.eye(3)[[0, 1, 2, 0]], "saturated"),
        (np.tile([0, 255, 255], (4, 1)).astype(np.uint8) * [[1], [1], [0], [1]], None),
        (np.array([[0.1, np.nan], [0.2, 0.3]]), "not finite in 1 of 4"),
        (np.zeros((3, 0)), "empty"),
        (np.array(["a", "a"]), "the same text"),
    ],
)
def test_a_probe_that_says_little_is_doubted(array, message):
    doubts = uninformative_outputs({"p": array})

    if message:
        assert len(doubts) == 1 and message in doubts[0] and "'p'" in doubts[0]


def test_a_probe_that_says_something_is_not_doubted():
    assert uninformative_outputs(REFERENCE) == []
    assert (
        uninformative_outputs(
            {"n": np.arange(5), "b": np.array([True, False]), "t": np.array(["a", "b"])}
        )
        == []
    )
    assert uninformative_outputs({"one sample": np.array([[0.3, 0.7]])}) == []


def paired(outputs, reference, *rules):
    return match_outputs(outputs, reference, {r.name: r for r in rules}, "mine", "theirs")


def test_outputs_are_paired_by_shape_where_that_leaves_one_way():
    a, b = np.zeros((3, 2)), np.ones((3, 5))

    matched, pairs = paired({"x": b, "y": a}, {"a": a, "b": b})

    assert list(matched) == ["a", "b"] and matched["b"] is not a
    np.testing.assert_array_equal(matched["b"], b)
    assert all("only one" in match.note for match in pairs)


def test_two_outputs_of_one_shape_are_a_question():
    a = np.zeros((3, 2))

    caught = failure(lambda: paired({"x": a, "y": a}, {"a": a, "b": a + 1}))

    assert caught.outcome == Outcome.BAD_INPUT
    assert "'x' could be 'a' or 'b'" in caught.reason
    assert caught.reason.endswith("--map mine:x=a mine:y=b")


def test_a_rule_settles_the_question():
    a = np.zeros((3, 2))

    matched, _ = paired({"x": a, "y": a + 1}, {"a": a + 1, "b": a}, Rule("x", "b"))

    np.testing.assert_array_equal(matched["b"], a)
    np.testing.assert_array_equal(matched["a"], a + 1)


@pytest.mark.parametrize("name", ["P", "p:0", "P:1"])
def test_names_that_differ_by_case_or_suffix_are_the_same(name):
    a = np.zeros((3, 2))

    _, pairs = paired({name: a, "q": a}, {"p": a, "q": a})

    assert [(match.name, match.other) for match in pairs] == [(name, "p"), ("q", "q")]


def test_channels_are_moved_where_only_that_fits():
    last = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3)

    matched, pairs = paired({"x": last}, {"x": np.moveaxis(last, -1, 1)})

    np.testing.assert_array_equal(matched["x"], np.moveaxis(last, -1, 1))
    assert "the only layout that fits" in pairs[0].note


def test_a_layout_that_is_stated():
    last = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3)
    rule = Rule("x", "y", "NHWC", "NCHW")

    matched, _ = paired({"x": last}, {"y": np.moveaxis(last, -1, 1)}, rule)

    np.testing.assert_array_equal(matched["y"], np.moveaxis(last, -1, 1))


def test_an_output_too_many_is_told_with_what_to_do():
    a = np.zeros((3, 2))

    caught = failure(lambda: paired({"x": a, "extra": a}, {"x": a}))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert "--ignore extra" in caught.reason


def test_what_fits_nothing_is_the_one_to_leave_out():
    a = np.zeros((3, 2))

    caught = failure(lambda: paired({"p": a, "state": np.zeros((3, 2, 1, 8))}, {"output_0": a}))

    assert "--ignore state" in caught.reason


def test_good_outputs_pass_the_check():
    check_classes(REFERENCE, 3)
    check_classes(REFERENCE, None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_counted(value):
    outputs = {"p": REFERENCE["p"].copy()}
    outputs["p"][0, :2] = value
    outputs["p"][2, 2] = value

    caught = failure(lambda: check_finite(outputs, REFERENCE))

    assert caught.outcome == Outcome.NON_FINITE
    assert failure(lambda: check_finite(outputs)).reason == caught.reason
    assert "'p'" in caught.reason and "2 of 3 rows" in caught.reason


@pytest.mark.parametrize("classes", [2, 4])
def test_wrong_number_of_classes(classes):
    caught = failure(lambda: check_classes(REFERENCE, classes))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert "3 classes" in caught.reason and f"say {classes}" in caught.reason


def test_values_of_whole_outputs_are_counted_as_values():
    outputs = {"mean": np.array([1, np.nan, np.nan, 2], np.float32)}

    assert "in 2 of 4 rows" in failure(lambda: check_finite(outputs)).reason
    assert "in 2 of 4 values" in failure(lambda: check_finite(outputs, whole={"mean"})).reason


def test_texts_that_differ_are_shown():
    words, others = np.array(["cat", "dog", "cow"], object), np.array(["cat", "fox", "hen"], object)
    output = compare({"y": others}, {"y": words}, 0.0)["by_output"]["y"]

    assert (output["beyond"], output["values"], output["texts"]) == (2, 3, ["fox", "dog"])
