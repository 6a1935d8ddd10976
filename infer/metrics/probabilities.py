"""Parts and metrics of classifiers that need a probability for every class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy

from ..tensors.chunks import sample_chunks
from .metric import Drawn, Metric, mean, share

# Bins of confidence (Guo et al., On calibration of modern neural networks, 2017).
BINS = 15
# Probabilities are kept this far from 0 and 1, as scikit-learn keeps those of float32.
_EPSILON = float(np.finfo(np.float32).eps)
# Probabilities that are kept for the area under the curve, on disk.
MOST_PROBABILITIES = 50_000_000
# Of which so many are held at once.
_AT_ONCE = 1 << 23


def are_logits(scores: np.ndarray, *, several: bool) -> bool:
    """Whether scores, N x classes, are no probabilities: beyond 0..1, or not of the sum 1.

    Args:
        scores: the scores.
        several: whether a sample may have several labels, so that they need not sum to 1.
    """
    low, high, off = 0.0, 0.0, 0.0
    for (chunk,) in sample_chunks(scores):
        finite = chunk[np.isfinite(chunk).all(axis=1)].astype(np.float64)
        low, high = finite.min(initial=low), finite.max(initial=high)
        off = np.abs(finite.sum(axis=1) - 1).max(initial=off)
    return bool(low < -1e-3 or high > 1 + 1e-3 or (not several and off > 0.02))


def score_parts(probabilities: np.ndarray, labels: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """The parts of some samples.

    Args:
        probabilities: float64 N x classes.
        labels: numbers of the true classes, N.
        k: among how many of the highest the true class is looked for.
    """
    rows, classes = np.arange(len(labels)), probabilities.shape[1]
    is_known = labels < classes
    of_true = np.where(is_known, probabilities[rows, np.where(is_known, labels, 0)], 0.0)
    highest = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    # A probability of 1 belongs to the last bin.
    bins = np.clip(np.ceil(np.nan_to_num(highest) * BINS).astype(int) - 1, 0, BINS - 1)
    calibration = np.zeros((len(labels), BINS))
    calibration[rows, bins] = highest - correct
    parts = {
        "loss": -np.log(np.clip(of_true, _EPSILON, 1 - _EPSILON)),
        "calibration": calibration,
    }
    if k < classes:
        # As scikit-learn breaks ties: the later class is the higher.
        highest_k = np.argsort(probabilities, axis=1, kind="stable")[:, -k:]
        # NaN would be the highest.
        parts["in_top"] = (highest_k == labels[:, None]).any(axis=1) & ~np.isnan(highest)
    return parts


def area_part(probabilities: np.ndarray, is_true: np.ndarray) -> np.ndarray | None:
    """A number for each sample, whose mean is the mean area under the curve of all classes.

    The area of a class is the mean of placements, and a sample counts by its own, so that the
    variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988).

    Args:
        probabilities: N x classes.
        is_true: whether each sample is of each class, bool N x classes.

    Returns:
        float64 N; None if no class has both samples that are of it and others.
    """
    areas, count_of_areas = np.zeros(len(probabilities)), 0
    for scores, positive in zip(_columns(probabilities), is_true.T, strict=True):
        count, others = int(positive.sum()), int((~positive).sum())
        if not count or not others:
            continue
        ranks = scipy.stats.rankdata(scores)
        placements = np.empty(len(scores))
        above = ranks[positive] - scipy.stats.rankdata(scores[positive])
        below = ranks[~positive] - scipy.stats.rankdata(scores[~positive])
        placements[positive] = above / others
        placements[~positive] = 1 - below / count
        area = float(placements[positive].mean())
        weights = len(scores) * np.where(positive, 1 / count, 1 / others)
        areas += area + weights * (placements - area)
        count_of_areas += 1
    return areas / count_of_areas if count_of_areas else None


def _columns(rows: np.ndarray) -> Iterator[np.ndarray]:
    """The columns of N x columns, which may lie on disk: some at a time are read of all rows."""
    together = max(1, _AT_ONCE // max(1, len(rows)))
    for first in range(0, rows.shape[1], together):
        columns = np.empty((min(together, rows.shape[1] - first), len(rows)), rows.dtype)
        begin = 0
        for (chunk,) in sample_chunks(rows):
            columns[:, begin : begin + len(chunk)] = chunk[:, first : first + together].T
            begin += len(chunk)
        yield from columns


def _calibration_error(drawn: Drawn) -> np.ndarray:
    result: np.ndarray = np.abs(drawn.sum("calibration")).sum(axis=1) / drawn.size
    return result


def score_metrics(k: int) -> tuple[Metric, ...]:
    """The metrics of probabilities."""
    return (
        share(f"top_{k}", "in_top", f"sklearn.metrics.top_k_accuracy_score, k={k}"),
        mean("log_loss", "loss", "sklearn.metrics.log_loss", lower_is_better=True),
        Metric(
            "calibration_error",
            _calibration_error,
            f"scipy.stats.binned_statistic, {BINS} bins of confidence (Guo et al., 2017)",
            lower_is_better=True,
            needs=("calibration",),
        ),
        AREA,
    )


AREA = mean("auc", "area", "sklearn.metrics.roc_auc_score, average='macro', multi_class='ovr'")
HAMMING_LOSS = mean("hamming_loss", "wrong", "sklearn.metrics.hamming_loss", lower_is_better=True)
