"""Probabilities in precisions coarser than float32 differ as their logits may."""

import numpy as np
import pytest

from infer.parity.comparing import compare
from infer.parity.tolerance import MOST_ODDS, Tolerance, tolerances

STEP = 2.0**-10
RANDOM = np.random.default_rng(3)
# A confident classifier: logits of up to 25, and some samples between two classes.
LOGITS = RANDOM.normal(0, 8, (2000, 8)).astype(np.float32)
LOGITS[:200, 1] = LOGITS[:200].max(axis=1) + RANDOM.normal(0, 0.3, 200)


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


EXPECTED = {"probabilities": softmax(LOGITS)}


def judged(logits, precision):
    limits = tolerances(EXPECTED, [precision])
    return compare({"probabilities": softmax(logits)}, EXPECTED, limits)


@pytest.mark.parametrize(("precision", "steps"), [("tf32", 5), ("float16", 6), ("bfloat16", 0.9)])
def test_rounding_of_large_logits_passes_though_probabilities_are_beyond_their_own_tolerance(
    precision, steps
):
    """Steps of TF32; of bfloat16 one is eight."""
    scale = np.abs(LOGITS).max() * (8 if precision == "bfloat16" else 1)
    noise = RANDOM.uniform(-1, 1, LOGITS.shape).astype(np.float32) * steps * STEP * scale / 2

    result = judged(LOGITS + noise, precision)

    assert result["passed"] and result["by_output"]["probabilities"]["beyond"] == 0
    assert result["largest_difference"] > 8 * STEP
    assert "odds up to" in result["how"]


@pytest.mark.parametrize("precision", ["tf32", "float16"])
@pytest.mark.parametrize(
    "faulty",
    [
        lambda logits: logits * 0.9,
        lambda logits: logits + np.eye(8, dtype=np.float32)[2],
        lambda logits: np.roll(logits, 1, axis=1),
        lambda logits: np.where(np.arange(len(logits))[:, None] == 7, -logits, logits),
        lambda logits: logits - np.where(logits == logits.max(axis=1, keepdims=True), 1, 0),
    ],
    ids=["a scale", "a bias", "another order", "one sample", "less sure"],
)
def test_a_fault_of_the_logits_fails(precision, faulty):
    assert not judged(faulty(LOGITS).astype(np.float32), precision)["passed"]


def test_float32_has_no_such_allowance():
    (limit,) = tolerances(EXPECTED, ["float32"]).values()
    assert limit.odds is None


def test_scores_that_are_no_probabilities_have_none():
    (limit,) = tolerances({"logits": LOGITS}, ["tf32"]).values()
    assert limit.odds is None
    (limit,) = tolerances(EXPECTED, ["bfloat16"]).values()
    assert limit.odds == MOST_ODDS


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 1.5])
def test_a_value_that_is_no_probability_fails(value):
    outputs = EXPECTED["probabilities"].copy()
    outputs[5, 3] = value
    result = compare({"probabilities": outputs}, EXPECTED, tolerances(EXPECTED, ["tf32"]))
    assert not result["passed"]
    assert result["by_output"]["probabilities"]["at"] == [5, 3]


def test_what_passes_by_odds_is_not_shown_in_place_of_what_fails():
    expected = {"p": np.array([[0.5, 0.5]]), "y": np.array([[1.0, 2.0]])}
    outputs = {"p": np.array([[0.6, 0.4]]), "y": np.array([[1.0, 2.2]])}
    limits = {"p": Tolerance(0.01, "given", odds=2.0), "y": Tolerance(0.1, "given")}

    result = compare(outputs, expected, limits)

    assert not result["passed"]
    assert result["tolerance"] == 0.1
    assert result["largest_difference"] == pytest.approx(0.2)


def test_odds_of_absolute_values_are_beside_absolute_values():
    expected = {"p": np.array([[0.5, 0.5], [0.1, 0.9]])}
    outputs = {"p": np.array([[0.6, 0.4], [-0.1, 0.9]])}
    limits = {"p": Tolerance(0.01, "given", odds=2.0)}

    assert compare(outputs, expected, limits, absolute=["p"])["passed"]
    assert not compare(outputs, expected, limits)["passed"]
