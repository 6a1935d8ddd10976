"""Agreement of outputs: numbers, labels, task."""

import json

import numpy as np
import pytest

from infer.outcome import Failure, Outcome
from infer.parity import TOLERANCES, check_outputs, compare, read_outputs, seven_metrics, take

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
    assert not compare(moved(value), moved(value), 1e9)["passed"]


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

    caught = failure(lambda: compare(outputs, two, 1.0))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert all(name in caught.reason for name in [*outputs, *two])


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3,), (3, 3, 1)])
def test_other_shapes_fail(shape):
    caught = failure(lambda: compare({"p": np.zeros(shape)}, REFERENCE, 1.0))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert str(shape) in caught.reason and "(3, 3)" in caught.reason


def test_some_samples_are_compared_with_the_same_of_the_reference():
    part = {"q": REFERENCE["p"][[2, 0]]}

    assert compare(part, take(REFERENCE, [2, 0]), 0.0)["passed"]
    assert not compare(part, take(REFERENCE, [0, 2]), 0.1)["passed"]


def test_outputs_without_rows_are_taken_whole():
    assert take({"p": np.float32(3)}, [0, 1])["p"] == 3


def test_lower_precision_is_allowed_more():
    allowed = [TOLERANCES[name] for name in ("float64", "float32", "float16", "bfloat16")]

    assert allowed == sorted(allowed)


def test_good_outputs_pass_the_check():
    check_outputs(REFERENCE, 3, 3)
    check_outputs(REFERENCE, 3, None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_counted(value):
    outputs = {"p": REFERENCE["p"].copy()}
    outputs["p"][0, :2] = value
    outputs["p"][2, 2] = value

    caught = failure(lambda: check_outputs(outputs, 3, 3))

    assert caught.outcome == Outcome.NON_FINITE
    assert "'p'" in caught.reason and "2 of 3 rows" in caught.reason


@pytest.mark.parametrize("samples", [2, 4])
def test_wrong_number_of_rows(samples):
    caught = failure(lambda: check_outputs(REFERENCE, samples, 3))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert f"expected {samples} rows" in caught.reason


def test_no_rows_at_all():
    assert failure(lambda: check_outputs({"p": np.float32(1)}, 1, None)).outcome == "parity_fail"


@pytest.mark.parametrize("classes", [2, 4])
def test_wrong_number_of_classes(classes):
    caught = failure(lambda: check_outputs(REFERENCE, 3, classes))

    assert caught.outcome == Outcome.PARITY_FAIL
    assert "3 classes" in caught.reason and f"say {classes}" in caught.reason


def test_outputs_of_a_worker_are_read_by_name(tmp_path):
    (tmp_path / "outputs.json").write_text('["probabilities", "features"]')
    np.save(tmp_path / "output_0.npy", REFERENCE["p"])
    np.save(tmp_path / "output_1.npy", np.arange(3))

    outputs = read_outputs(tmp_path)

    assert list(outputs) == ["probabilities", "features"]
    np.testing.assert_array_equal(outputs["probabilities"], REFERENCE["p"])
    assert outputs["features"].tolist() == [0, 1, 2]


# Rows are the true class, columns the predicted one.
CONFUSION = [
    [5, 1, 0],
    [1, 2, 0],
    [0, 1, 2],
]


def test_seven_metrics_of_a_confusion_by_hand():
    pairs = [
        (true, predicted)
        for true, row in enumerate(CONFUSION)
        for predicted, count in enumerate(row)
        for _ in range(count)
    ]
    labels = np.array([true for true, _ in pairs])
    probabilities = 0.2 + 0.4 * np.eye(3)[[predicted for _, predicted in pairs]]

    metrics = seven_metrics(probabilities, labels)

    # By class, precision is 5/6, 2/4, 2/2; recall is 5/6, 2/3, 2/3; F1 is 5/6, 4/7, 4/5.
    assert metrics == pytest.approx(
        {
            "accuracy": 9 / 12,
            "macro_precision": (5 / 6 + 2 / 4 + 1) / 3,
            "macro_recall": (5 / 6 + 2 / 3 + 2 / 3) / 3,
            "macro_f1": (5 / 6 + 4 / 7 + 4 / 5) / 3,
            "weighted_precision": (6 * 5 / 6 + 3 * 2 / 4 + 3 * 1) / 12,
            "weighted_recall": (6 * 5 / 6 + 3 * 2 / 3 + 3 * 2 / 3) / 12,
            "weighted_f1": (6 * 5 / 6 + 3 * 4 / 7 + 3 * 4 / 5) / 12,
        }
    )


def test_class_that_is_never_predicted_has_a_precision_of_zero():
    metrics = seven_metrics(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1]))

    # Precision by class is 1/2 and 0, recall 1 and 0.
    assert metrics["macro_precision"] == pytest.approx(1 / 4)
    assert metrics["macro_recall"] == pytest.approx(1 / 2)
    assert metrics["macro_f1"] == pytest.approx(1 / 3)
