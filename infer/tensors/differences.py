"""Differences of two arrays of any type. Imports only NumPy, since workers import it too."""

from __future__ import annotations

import numpy as np

from .dtypes import kind_of, widened
from .text import as_bytes


def finite(array: np.ndarray) -> np.ndarray:
    """Which elements are finite, as bool; all, if the type has no other values."""
    if kind_of(array.dtype) not in ("float", "complex"):
        return np.ones(array.shape, bool)
    return np.asarray(np.isfinite(widened(array)))


def same_non_finite(array: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where both are NaN, or the same infinity."""
    if "text" in (kind_of(array.dtype), kind_of(expected.dtype)):
        return np.zeros(array.shape, bool)
    a, b = widened(array), widened(expected)
    return np.asarray((np.isnan(a) & np.isnan(b)) | ((a == b) & ~np.isfinite(a)))


def differences(array: np.ndarray, expected: np.ndarray, *, absolute: bool = False) -> np.ndarray:
    """Absolute differences, element by element, float64; 1 for text that differs.

    NaN and the infinities differ by 0 from themselves and by NaN from everything else.

    Args:
        array, expected: of one shape.
        absolute: compare the absolute values.
    """
    if "text" in (kind_of(array.dtype), kind_of(expected.dtype)):
        unequal: np.ndarray = np.asarray(as_bytes(array) != as_bytes(expected))
        return unequal.astype(np.float64)
    a, b = widened(array), widened(expected)
    if absolute:
        a, b = np.abs(a), np.abs(b)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(a - b)
    if not absolute and all(values.dtype.kind in "iu" for values in (array, expected)):
        difference = _of_whole_numbers(array, expected, difference)
    difference = np.where(np.isfinite(a) & np.isfinite(b), difference, np.nan)
    result: np.ndarray = np.where(same_non_finite(a, b), 0.0, difference)
    return result


def _of_whole_numbers(array: np.ndarray, expected: np.ndarray, nearly: np.ndarray) -> np.ndarray:
    """Differences of whole numbers, of which float64 holds those of 64 bits only nearly.

    Args:
        array, expected: whole numbers of any size and sign.
        nearly: their differences as computed in float64.
    """
    a, b = array.astype(np.uint64), expected.astype(np.uint64)
    # Modulo 2^64, which is exact for differences below.
    exact = np.where(array >= expected, a - b, b - a).astype(np.float64)
    return np.where(nearly < 2.0**63, exact, nearly)
