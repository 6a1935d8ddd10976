"""The metrics of a classifier, by scikit-learn."""

from __future__ import annotations

import numpy as np

# Names of all metrics that `classification_metrics` returns.
CLASSIFICATION_METRICS = (
    "accuracy",
    *("macro_precision", "macro_recall", "macro_f1"),
    *("weighted_precision", "weighted_recall", "weighted_f1"),
)


def classification_metrics(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Compute accuracy, and macro and weighted averages of precision, recall and F1, in 0..1.

    Args:
        probabilities: N x classes; the class with the largest value counts.
        labels: N, the true classes.
    """
    return label_metrics(probabilities.argmax(axis=1), labels)


def label_metrics(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Compute the same for predicted classes, N, as numbers or text like the labels."""
    # The import takes half a second, which other commands do not need to wait for.
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    metrics = {"accuracy": float(accuracy_score(labels, predicted))}
    for average in ("macro", "weighted"):
        scores = precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        for name, score in zip(("precision", "recall", "f1"), scores, strict=False):
            metrics[f"{average}_{name}"] = float(score)
    return metrics
