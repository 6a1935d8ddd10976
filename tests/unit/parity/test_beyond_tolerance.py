"""Values beyond a tolerance: how many, where, and how many are allowed."""

import dataclasses

import numpy as np
import pytest

from infer.parity.beyond_tolerance import count_beyond, samples_beyond
from infer.parity.comparing import compare
from infer.parity.element_differences import element_differences
from infer.parity.whole_calls import WholeCall
from infer.tensors import chunks

MASK = np.arange(2 * 3 * 4).reshape(2, 3, 4) % 3


def changed(*places):
    mask = MASK.copy()
    for place in places:
        mask[place] += 5
    return {"mask": mask}


def test_values_beyond_are_counted_and_the_largest_has_a_place():
    outputs, expected = np.array([[0.0, 0.3], [np.nan, 0.1]]), np.zeros((2, 2))
    apart = element_differences(outputs, expected, 0.2)

    counted = {"values": 4, "beyond": 2, "at": [1, 0]}
    assert count_beyond(apart, outputs, expected) == counted
    assert samples_beyond(apart.unit_beyond) == "in samples 0 (1), 1 (1)"
    empty = np.zeros((2, 0))
    apart = element_differences(empty, empty, 0.2)
    assert count_beyond(apart, empty, empty) == {"values": 0, "beyond": 0, "at": None}


@pytest.mark.parametrize("values", [3, 7, 1000])
def test_chunks_of_any_size_tell_the_same(monkeypatch, values):
    draws = np.random.default_rng(0)
    expected = draws.random((5, 9, 10, 2))
    outputs = expected + (draws.random(expected.shape) > 0.9)
    outputs[3, 1, 2, 0] = np.inf
    whole = element_differences(outputs, expected, 0.5)
    monkeypatch.setattr(chunks, "_VALUES", values)
    in_chunks = element_differences(outputs, expected, 0.5)

    assert whole.beyond == int((np.abs(outputs - expected) > 0.5).sum())
    assert np.isnan(whole.largest)
    for field in dataclasses.fields(whole):
        np.testing.assert_array_equal(
            getattr(in_chunks, field.name), getattr(whole, field.name), field.name
        )


def test_a_map_says_where_its_values_differ():
    expected = np.zeros((3, 2, 64, 100))
    outputs = expected.copy()
    outputs[:, 1, 62:, :3] = 1.0
    found = compare({"depth": outputs}, {"depth": expected}, 0.1)["by_output"]["depth"]

    counts = np.array(found["map"])
    assert counts.shape == (32, 32)
    assert counts.sum() == found["beyond"] == 18
    assert counts[31, 0] == 18


@pytest.mark.parametrize(("share", "passed"), [(2 / 24, True), (1.9 / 24, False)])
def test_a_share_of_whole_numbers_may_differ_where_the_user_says_so(share, passed):
    outputs = changed((1, 2, 3), (1, 0, 0))

    assert not compare(outputs, {"mask": MASK}, 0.0)["passed"]
    result = compare(outputs, {"mask": MASK}, 0.0, allowed={"mask": share})

    assert result["passed"] is passed
    assert result["by_output"]["mask"]["beyond"] == 2
    assert result["by_output"]["mask"]["allowed_share"] == share


def test_an_allowed_output_does_not_hide_another_that_fails():
    outputs = {**changed((0, 0, 0)), "p": np.array([0.0, 0.5])}
    reference = {"mask": MASK, "p": np.array([0.0, 0.4])}

    result = compare(outputs, reference, 0.01, allowed={"mask": 0.5})

    assert not result["passed"]
    assert result["largest_difference"] == pytest.approx(0.1)


def test_a_share_of_floating_point_may_be_beyond_tolerance_where_the_user_says_so():
    outputs, reference = {"p": np.array([0.0, 1.0, 2.0, 3.5])}, {"p": np.arange(4.0)}

    assert not compare(outputs, reference, 0.1)["passed"]
    assert compare(outputs, reference, 0.1, allowed={"p": 0.25})["passed"]
    assert not compare(outputs, reference, 0.1, allowed={"p": 0.2})["passed"]


def test_an_output_of_one_value_for_each_call_of_several_samples_is_compared():
    calls = (WholeCall((0, 1), ()), WholeCall((2, 3), ()))
    outputs, expected = np.array([1.0, 2.0]), np.array([1.0, 2.5])

    result = compare({"loss": outputs}, {"loss": expected}, 0.1, calls={"loss": calls})

    assert not result["passed"] and result["by_output"]["loss"]["at"] == [2]
