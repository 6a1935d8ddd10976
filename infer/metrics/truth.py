"""The truth by samples: arrays with a row for each, or with another number of rows for each."""

from __future__ import annotations

import numpy as np

from ..errors import MetricError
from ..tensors.dtypes import kind_of
from ..tensors.ragged import Ragged, SampleValues
from .task import SAMPLE, Arrays


def truth_by_sample(truth: Arrays, samples: int) -> dict[str, SampleValues]:
    """Give each sample its rows of the arrays that have as many as `labels.sample`.

    Args:
        truth: the arrays of the truth by name.
        samples: number of samples.

    Raises:
        MetricError: `labels.sample` does not hold numbers of samples.
    """
    if SAMPLE not in truth:
        return dict(truth)
    places = truth[SAMPLE]
    if kind_of(places.dtype) != "int" or places.ndim != 1:
        raise MetricError(
            f"'{SAMPLE}' is {places.dtype} {places.shape}, not the number of the sample of each row"
        )
    if len(places) and not 0 <= places.min() <= places.max() < samples:
        wrong = places[(places < 0) | (places >= samples)][0]
        raise MetricError(
            f"'{SAMPLE}' holds {wrong}; the {samples:,} samples have the numbers from 0 to "
            f"{samples - 1:,}"
        )
    order = np.argsort(places, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=samples))])
    return {
        name: Ragged(array[order], offsets) if array.shape[:1] == places.shape else array
        for name, array in truth.items()
        if name != SAMPLE
    }
