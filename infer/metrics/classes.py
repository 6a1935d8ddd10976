"""Metrics of what is told by classes: accuracy, and averages of precision, recall and F1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .metric import Drawn, Metric, mean_where, ratio, share

# The paper's seven.
PAPER_METRICS = (
    "accuracy",
    *("macro_precision", "macro_recall", "macro_f1"),
    *("weighted_precision", "weighted_recall", "weighted_f1"),
)
# Hits, predicted and true samples of each class -> a score of each.
_Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def class_parts(predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """The parts that tell how classes were predicted.

    Args:
        predicted, true: classes as numbers or text, N.
    """
    _, numbers = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    of_true, of_predicted = np.split(numbers.reshape(-1), [len(true)])
    correct = of_true == of_predicted
    return {
        "correct": correct,
        "true": of_true,
        "predicted": of_predicted,
        "hits": np.where(correct, of_true, -1),
    }


def label_parts(predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """The same of several labels a sample: bool N x labels each."""
    return {
        "correct": (predicted == true).all(axis=1),
        "wrong": (predicted != true).mean(axis=1),
        "true": true,
        "predicted": predicted,
        "hits": predicted & true,
    }


def _counted(drawn: Drawn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, predicted and true samples of each class: resamples x classes."""
    parts = drawn.parts
    if parts["true"].ndim == 2:
        hits, predicted, true = (drawn.sum(name) for name in ("hits", "predicted", "true"))
        return hits, predicted, true
    classes = 1 + int(max(parts["true"].max(), parts["predicted"].max()))
    hits, predicted, true = (
        drawn.of_class(name, classes) for name in ("hits", "predicted", "true")
    )
    return hits, predicted, true


def _macro(score: _Score) -> Callable[[Drawn], np.ndarray]:
    def calculate(drawn: Drawn) -> np.ndarray:
        hits, predicted, true = _counted(drawn)
        # Of several labels all columns count; of classes those that occur.
        present = (predicted + true > 0) | (drawn.parts["true"].ndim == 2)
        return mean_where(score(hits, predicted, true), present)

    return calculate


def _weighted(score: _Score) -> Callable[[Drawn], np.ndarray]:
    def calculate(drawn: Drawn) -> np.ndarray:
        hits, predicted, true = _counted(drawn)
        scores = score(hits, predicted, true)
        return ratio((scores * true).sum(axis=1), true.sum(axis=1))

    return calculate


_SCORES: dict[str, _Score] = {
    "precision": lambda hits, predicted, _: ratio(hits, predicted),
    "recall": lambda hits, _, true: ratio(hits, true),
    "f1": lambda hits, predicted, true: ratio(2 * hits, predicted + true),
}


def _metric(name: str) -> Metric:
    if name == "accuracy":
        return share(name, "correct", "sklearn.metrics.accuracy_score")
    average, _, score = name.partition("_")
    kind = _macro if average == "macro" else _weighted
    function = f"sklearn.metrics.{score}_score, average='{average}'"
    return Metric(name, kind(_SCORES[score]), function, needs=("hits", "predicted", "true"))


CLASS_METRICS = tuple(map(_metric, PAPER_METRICS))
