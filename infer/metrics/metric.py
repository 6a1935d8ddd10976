"""What a metric is: a figure of all samples, calculated from a few numbers for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import scipy

_Result = TypeVar("_Result")
# What is known of each sample, by name; each array has a row for each of N samples. The first does
# in any case; what only a metric of its own reads may have several rows a sample.
Parts = Mapping[str, np.ndarray]


class Drawn:
    """Samples that are drawn from all, with repetition, several times.

    Attributes:
        parts: what is known of each of N samples.
        counts: how often each is drawn, resamples x N.
    """

    def __init__(self, parts: Parts, counts: np.ndarray) -> None:
        self.parts = parts
        self.counts = np.asarray(counts, np.float64)
        self._sums: dict[str, np.ndarray] = {}
        self._calculated: dict[Callable[[Drawn], Any], Any] = {}

    def once(self, calculate: Callable[[Drawn], _Result]) -> _Result:
        """What several metrics need, calculated once."""
        if calculate not in self._calculated:
            self._calculated[calculate] = calculate(self)
        result: _Result = self._calculated[calculate]
        return result

    @cached_property
    def size(self) -> np.ndarray:
        """The number of samples in each resample."""
        result: np.ndarray = self.counts.sum(axis=1)
        return result

    def sum(self, part: str) -> np.ndarray:
        """The sum of a part: resamples x what a sample has."""
        if part not in self._sums:
            array = self.parts[part]
            rows = np.asarray(array.reshape(len(array), -1), np.float64)
            self._sums[part] = (self.counts @ rows).reshape(len(self.counts), *array.shape[1:])
        return self._sums[part]

    def mean(self, part: str) -> np.ndarray:
        """The mean of a part with a number for each sample."""
        result: np.ndarray = self.sum(part) / self.size
        return result

    def of_class(self, part: str, classes: int) -> np.ndarray:
        """How many samples are of each class, of a part with their numbers: resamples x classes.

        A negative number is no class.
        """
        if part not in self._sums:
            numbers = self.parts[part]
            rows = np.flatnonzero(numbers >= 0)
            ones = np.ones(len(rows)), (numbers[rows], rows)
            by_sample = scipy.sparse.csr_matrix(ones, shape=(classes, len(numbers)))
            self._sums[part] = (by_sample @ self.counts.T).T
        return self._sums[part]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: name in results, columns and options.
        calculate: calculates it of each resample.
        function: the library's function that it equals, or what it is.
        lower_is_better: whether a lower value is better.
        share_of: the part, bool N, whose share it is; None if it is no share of samples.
        needs: parts without which it is left out.
    """

    name: str
    calculate: Callable[[Drawn], np.ndarray]
    function: str
    lower_is_better: bool = False
    share_of: str | None = None
    needs: tuple[str, ...] = ()


def share(name: str, part: str, function: str) -> Metric:
    """A metric that is the share of the samples for which a part is true."""
    return Metric(name, lambda drawn: drawn.mean(part), function, share_of=part, needs=(part,))


def mean(name: str, part: str, function: str, *, lower_is_better: bool = False) -> Metric:
    """A metric that is the mean of a number for each sample."""
    return Metric(name, lambda drawn: drawn.mean(part), function, lower_is_better, needs=(part,))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The ratio, and 0 where the denominator is."""
    zeros = np.zeros(np.broadcast_shapes(numerator.shape, denominator.shape))
    result: np.ndarray = np.divide(numerator, denominator, out=zeros, where=denominator != 0)
    return result


def mean_where(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The mean over the last axis of the values that are present; NaN where none is."""
    number = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
