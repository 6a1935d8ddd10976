"""Differences of whole numbers of any size, and of values at the end of a type."""

import numpy as np
import pytest

from infer.tensors.differences import differences


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        (np.int64(2**60 + 1), np.int64(2**60), 1),
        (np.int64(2**60), np.int64(2**60 + 1), 1),
        (np.int64(-(2**60) - 3), np.int64(-(2**60)), 3),
        (np.uint64(2**64 - 1), np.uint64(2**64 - 2), 1),
        (np.uint64(2**53 + 1), np.int64(2**53), 1),
        (np.uint64(2**64 - 1), np.int64(-1), 2**64),
        (np.int64(-(2**63)), np.int64(2**63 - 1), 2**64),
        (np.int64(-5), np.int32(7), 12),
        (np.uint8(0), np.uint8(255), 255),
        (np.int8(-128), np.int8(127), 255),
        (np.int64(4), np.int64(4), 0),
    ],
)
def test_whole_numbers_of_any_size_differ_by_what_they_differ_by(a, b, difference):
    assert differences(np.array([a]), np.array([b])).tolist() == [difference]


@pytest.mark.filterwarnings("error")
def test_values_whose_difference_is_beyond_float64_differ_without_a_warning():
    assert differences(np.array([1e308]), np.array([-1e308])).tolist() == [np.inf]
