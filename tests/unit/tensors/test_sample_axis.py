"""Which axis of an output counts the samples."""

import numpy as np
import pytest

from infer.tensors.sample_axis import difference_of_samples, following_axes, permuted_axes

ORDER = np.roll(np.arange(4), 1)
VALUES = np.random.default_rng(0).standard_normal((4, 3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        ([(4, 3), (2, 3)], [0]),
        ([(20, 4, 3), (20, 2, 3)], [1]),
        ([(4, 4), (2, 4)], [0]),  # as many classes as samples
        ([(4,), (4,)], []),  # as many channels as samples
        ([(4, 4), (2, 2)], [0, 1]),  # every sample beside every other
        ([(8, 3), (4, 3)], []),  # two rows for each sample
        ([(4, 3), (3,)], []),
        ([(), ()], []),
    ],
)
def test_axes_that_follow_the_number_of_samples(shapes, axes):
    assert following_axes(shapes, [4, 2]) == axes


@pytest.mark.parametrize("axis", [0, 2])
def test_axis_that_follows_the_order_of_the_samples(axis):
    permuted = VALUES.take(ORDER, axis) + np.float32(1e-6)

    assert permuted_axes(VALUES, permuted, ORDER) == [axis]


def test_no_axis_follows_an_order_that_changed_nothing_or_everything():
    assert permuted_axes(VALUES, VALUES, ORDER) == []
    assert permuted_axes(VALUES, VALUES[::-1], ORDER) == []
    assert permuted_axes(VALUES, VALUES[:3], ORDER) == []
    both = VALUES[:, 0]
    assert permuted_axes(both, both[np.ix_(ORDER, ORDER)], ORDER) == []


def test_difference_of_the_samples_that_two_calls_share():
    other = VALUES[:2].copy()
    other[1, 2, 3] += 0.5

    assert difference_of_samples(VALUES, other, 0) == pytest.approx(0.5)
    assert difference_of_samples(VALUES, VALUES[:, :, :2], 2) == 0
    assert difference_of_samples(VALUES, other[:, :2], 0) is None
    other[0, 0, 0] = np.nan
    assert difference_of_samples(VALUES, other, 0) is None


def test_rows_in_any_order_differ_by_their_values_alone():
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(3, 5, 4))
    shuffled = rows[:, ::-1]
    texts = np.array([["cat", "dog"], ["cow", "cow"]], object)

    assert difference_of_samples(rows, shuffled, 0) > 0.1
    assert difference_of_samples(rows, shuffled, 0, in_any_order=True) == 0
    assert difference_of_samples(rows, shuffled + 1e-3, 0, in_any_order=True) == pytest.approx(1e-3)
    assert difference_of_samples(texts, texts[:, ::-1], 0, in_any_order=True) == 0
    assert difference_of_samples(texts, texts[::-1], 0, in_any_order=True) == 1
