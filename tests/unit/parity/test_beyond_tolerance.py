"""Values beyond a tolerance: how many, where, and how many are allowed."""

import numpy as np
import pytest

from infer.outcome import Failure, Outcome
from infer.parity.beyond_tolerance import count_beyond, samples_beyond
from infer.parity.comparing import compare

MASK = np.arange(2 * 3 * 4).reshape(2, 3, 4) % 3


def changed(*places):
    mask = MASK.copy()
    for place in places:
        mask[place] += 5
    return {"mask": mask}


def test_values_beyond_are_counted_and_the_largest_has_a_place():
    difference = np.array([[0.0, 0.3], [np.nan, 0.1]])

    assert count_beyond(difference, 0.2) == {"values": 4, "beyond": 2, "at": [1, 0]}
    assert count_beyond(np.zeros((2, 0)), 0.2) == {"values": 0, "beyond": 0, "at": None}
    assert samples_beyond(difference, 0.2) == "in samples 0 (1), 1 (1)"


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


def test_no_share_of_floating_point_is_allowed():
    with pytest.raises(Failure, match="--tolerance") as caught:
        compare({"p": np.ones(3)}, {"p": np.ones(3)}, 0.0, allowed={"p": 0.1})

    assert caught.value.outcome == Outcome.BAD_INPUT
