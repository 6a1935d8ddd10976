"""Figures as text: three digits, a unit that fits, no exponent."""

import pytest

from infer.results import formatting
from infer.stats.ratios import Ratio


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9996e-3, "1.00 ms"),  # rounded first, and then put in a unit
        (0.9994e-3, "999 µs"),
        (0.99999, "1.00 s"),
        (0.0123456, "12.3 ms"),
        (3.2e-9, "3.20 ns"),
        (4e-11, "0.0400 ns"),
        (12345.6, "12,346 s"),
        (0.0, "0 s"),
        (-0.002, "-2.00 ms"),
        (None, "-"),
    ],
)
def test_times(value, text):
    assert formatting.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00451, "0.00451"), (0.9999, "1.00"), (99.96, "100"), (1234567.0, "1,234,567"), (0, "0")],
)
def test_numbers(value, text):
    assert formatting.three_digits(value) == text


def test_energies_and_shares():
    assert formatting.joules(0.9999) == "1.00 J"
    assert [formatting.percent(share) for share in (0.004, 0.47, 12.0)] == ["0.4%", "47%", "1,200%"]


def test_sizes():
    shown = [formatting.binary_size(size) for size in (3277, 2**20, 2137 * 2**20, None)]
    assert shown == ["3.2 KiB", "1.0 MiB", "2,137.0 MiB", "-"]


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio(0.98, 0.97, 0.99, 4), "0.980 [0.970, 0.990]"),
        (Ratio(1.6, 0.4, 5.91, 4), "1.60 [0.40, 5.91]"),
        (Ratio(1.86, 0.22, 15.49, 4), "1.9 [0.2, 15.5]"),
        (Ratio(1.61, 0.0, 2248.1, 4), "2 [0, 2,248]"),
        (Ratio(1.61, None, None, 1), "1.61"),
        (Ratio(0.0021, 0.0019, 0.0024, 4), "0.00210 [0.00190, 0.00240]"),
        (Ratio(0.00212, None, None, 1), "0.00212"),
    ],
)
def test_intervals_have_the_places_that_their_width_allows(ratio, text):
    assert formatting.interval(ratio) == text


def test_differences_of_outputs():
    shown = [formatting.difference(value) for value in (0.0, 3.3e-6, 0.012, 1.0, 2e30, None)]
    assert shown == ["0", "3.3e-06", "0.0120", "1.00", "2.0e+30", "-"]
