"""Paired bootstrap by sample, whose drawn samples are the same in every run.

A metric of two runs on the same samples is paired although the runs are months apart: replicate
number i is of the same drawn samples in both, so that only the replicates need to be kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .ratios import CONFIDENCE

RESAMPLES = 1000
_SEED = 0
_AT_ONCE = 4_000_000  # counts in a batch


def resample_counts(samples: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each sample is in each resample, in batches.

    `RandomState` gives the same numbers in every version of NumPy, which `Generator` does not.

    Args:
        samples: number of samples, N.
        resamples: number of resamples.

    Yields:
        float32 of some resamples x N.
    """
    for drawn in resamples_of(samples, resamples):
        places = drawn + samples * np.arange(len(drawn))[:, None]
        counts = np.bincount(places.ravel(), minlength=drawn.size)
        yield counts.reshape(drawn.shape).astype(np.float32)


def resamples_of(samples: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """The numbers of the samples in each resample, in batches: int64 of some resamples x N."""
    random = np.random.RandomState(_SEED)
    batch = max(1, _AT_ONCE // samples)
    for start in range(0, resamples, batch):
        yield random.randint(0, samples, (min(batch, resamples - start), samples), np.int64)


def percentile_interval(
    replicates: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The percentile interval of a bootstrap (Efron and Tibshirani, 1993, chapter 13)."""
    low, high = np.quantile(replicates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
