"""How far the rounding of a reference raises a tolerance, and tolerances that hide differences."""

import numpy as np
import pytest

from infer.parity.rounding import beyond_bounds, with_rounding
from infer.parity.spread import spread, wide_tolerances
from infer.parity.tolerance import Tolerance, tolerances

# Values between 0 and 1 that differ from sample to sample.
VALUES = {"p": np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3)}
LIMITS = tolerances(VALUES, ["float32"])


def raised(differs, limits=LIMITS, expected=VALUES):
    return with_rounding(limits, {"p": differs}, expected)["p"]


@pytest.mark.parametrize("differs", [0.0, 1e-7, None])
def test_little_rounding_leaves_the_tolerance(differs):
    assert raised(differs) == LIMITS["p"]
    assert not beyond_bounds(LIMITS, {"p": differs}, VALUES)


def test_more_rounding_raises_the_tolerance_to_ten_times_as_much():
    assert raised(5e-5).value == pytest.approx(5e-4)
    assert "another number of threads" in raised(5e-5).how


def test_no_rounding_raises_it_beyond_ten_times_that_of_the_precision():
    most = 10 * LIMITS["p"].value

    assert raised(0.3).value == pytest.approx(most)
    (line,) = beyond_bounds(LIMITS, {"p": 0.3}, VALUES)
    assert "'p' by 0.3" in line


def test_nor_beyond_a_hundredth_of_the_spread():
    near = {"p": np.float32(1) + VALUES["p"] * np.float32(0.02)}
    limits = tolerances(near, ["float32"])

    assert raised(0.3, limits, near).value == pytest.approx(0.01 * spread(near["p"]), rel=0.01)


def test_whole_numbers_have_no_rounding():
    labels = {"p": np.arange(4)}

    assert raised(2.0, tolerances(labels, ["float32"]), labels).value == 0


def test_the_spread_is_that_of_the_samples_and_not_of_the_places():
    assert spread(np.array([[1.0, 100.0], [1.5, 100.0]])) == pytest.approx(0.5)
    assert spread(np.array([[1.0, np.nan], [1.5, np.inf]])) == pytest.approx(0.5)
    assert spread(np.array([[1.0, 3.0]])) == pytest.approx(2)
    assert spread(np.array(["a", "b"])) is None


@pytest.mark.parametrize(
    ("array", "limit", "doubted"),
    [
        (VALUES["p"], 0.05, False),
        (VALUES["p"], 0.5, True),
        (300 + 0.01 * VALUES["p"], None, True),  # a thousand roundings of 300 are 0.04
        (np.ones((4, 3), np.float32), 0.5, False),  # which is doubted otherwise
    ],
)
def test_a_tolerance_that_is_large_against_the_spread_is_doubted(array, limit, doubted):
    outputs = {"p": array}
    limits = tolerances(outputs, ["float32"]) if limit is None else {"p": Tolerance(limit, "given")}

    assert bool(wide_tolerances(outputs, limits)) is doubted
