"""The task of a model that answers with tokens, or with a score for every token."""

from __future__ import annotations

import numpy as np
import scipy

from .metric import Drawn, Metric, ratio
from .task import (
    LABELS,
    Arrays,
    Evaluator,
    Task,
    TaskRequest,
    highest,
    is_number,
    output_for,
    whole_labels,
)

_TOKENS = f"'{LABELS}' of samples x places, the right token at each (negative: none is asked for)"


def _tokens(request: TaskRequest, expected: Arrays, truth: Arrays) -> Evaluator:
    labels = whole_labels(truth, request.name, _TOKENS, 2)
    name = output_for(
        "tokens",
        request,
        expected,
        lambda array: _has_scores(array, labels.shape) or _has_tokens(array, labels.shape),
        f"scores of samples x places x tokens, or tokens, for '{LABELS}' {labels.shape}",
    )
    has_scores = _has_scores(expected[name], labels.shape)

    def parts_of(outputs: Arrays, _: Arrays, truth: Arrays) -> dict[str, np.ndarray]:
        true, answer = truth[LABELS].astype(np.int64), outputs[name]
        asked = true >= 0
        parts = {"asked": asked.sum(axis=1)}
        if has_scores:
            scores = scipy.special.log_softmax(answer.astype(np.float64), axis=2)
            known = np.where(asked & (true < scores.shape[2]), true, 0)
            of_true = np.take_along_axis(scores, known[..., None], axis=2)[..., 0]
            of_true = np.where(true < scores.shape[2], of_true, -np.inf)
            parts["loss"] = np.where(asked, -of_true, 0.0).sum(axis=1)
            answer = highest(answer, 2)
        parts["right"] = ((answer == true) & asked).sum(axis=1)
        return parts

    return Evaluator(TOKEN_METRICS, parts_of)


def _has_scores(array: np.ndarray, labels: tuple[int, ...]) -> bool:
    return is_number(array) and array.ndim == 3 and array.shape[:2] == labels


def _has_tokens(array: np.ndarray, labels: tuple[int, ...]) -> bool:
    return array.dtype.kind in "iu" and array.shape == labels


def _accuracy(drawn: Drawn) -> np.ndarray:
    return ratio(drawn.sum("right"), drawn.sum("asked"))


def _perplexity(drawn: Drawn) -> np.ndarray:
    result: np.ndarray = np.exp(ratio(drawn.sum("loss"), drawn.sum("asked")))
    return result


TOKEN_METRICS = (
    Metric(
        "token_accuracy",
        _accuracy,
        "sklearn.metrics.accuracy_score, of all places",
        needs=("right", "asked"),
    ),
    Metric(
        "perplexity",
        _perplexity,
        "exp of the mean of -scipy.special.log_softmax at the right tokens",
        lower_is_better=True,
        needs=("loss", "asked"),
    ),
)
TOKENS = Task("tokens", _TOKENS, ("tokens",), ("token_accuracy",), _tokens)
