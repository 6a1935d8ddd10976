"""The paper's seven test metrics, which classes are taken for which, and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Calibration:
    """How far a network is as sure as it is right.

    Attributes:
        expected_error: mean distance of confidence from accuracy over the bins, weighted by their
            samples, in 0..1: the expected calibration error of Guo et al., "On Calibration of
            Modern Neural Networks" (2017), with 15 bins of equal width.
        cross_entropy: mean over the samples, in nats.
        bins: of the bins that hold samples, in order, the samples, their mean confidence (the
            largest probability) and the share of them that is right.
    """

    expected_error: float
    cross_entropy: float
    bins: list[tuple[int, float, float]]


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean categorical cross-entropy of logits, N x classes, in nats."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def seven_metrics(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as macro and weighted averages, all in 0..1.

    Args:
        logits: N x classes; the class with the largest value counts.
        labels: N, the true classes.
    """
    predicted = logits.argmax(axis=1)
    metrics = {"accuracy": float(accuracy_score(labels, predicted))}
    for average in ("macro", "weighted"):
        scores = precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        for name, score in zip(("precision", "recall", "f1"), scores, strict=False):
            metrics[f"{average}_{name}"] = float(score)
    return metrics


def confusion(logits: np.ndarray, labels: np.ndarray) -> list[list[int]]:
    """Samples by true class (rows) and predicted class (columns), classes x classes.

    Args:
        logits: N x classes; the class with the largest value counts.
        labels: N, the true classes.
    """
    classes = np.arange(logits.shape[1])
    counts: list[list[int]] = confusion_matrix(
        labels, logits.argmax(axis=1), labels=classes
    ).tolist()
    return counts


def calibration(logits: np.ndarray, labels: np.ndarray) -> Calibration:
    """How far the softmax of logits, N x classes, is as sure as it is right.

    Args:
        logits: N x classes.
        labels: N, the true classes.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    confidence = exponentials.max(axis=1) / exponentials.sum(axis=1)
    right = logits.argmax(axis=1) == labels
    # A confidence on the border of two bins belongs to the lower one, so that 1 has a bin.
    places = np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1
    bins = [
        (int(members.sum()), float(confidence[members].mean()), float(right[members].mean()))
        for members in (places == place for place in range(CALIBRATION_BINS))
        if members.any()
    ]
    error = sum(count * abs(sure - true) for count, sure, true in bins) / len(labels)
    return Calibration(error, cross_entropy(logits, labels), bins)
