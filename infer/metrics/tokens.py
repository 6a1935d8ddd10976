"""The task of a model that answers with tokens, or with a score for every token."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ..errors import MetricError
from ..tensors.dtypes import kind_of
from ..tensors.ragged import Ragged, SampleValues, described
from .metric import Drawn, Metric, ratio
from .task import (
    LABELS,
    SAMPLE,
    Evaluator,
    Task,
    TaskRequest,
    Values,
    arrays_of,
    highest,
    is_number,
    output_for,
    whole_labels,
)

_TOKENS = (
    f"'{LABELS}' of samples x places, the right token at each (negative: none is asked for), or of "
    f"all samples' tokens with '{SAMPLE}', the number of the sample of each"
)


def _tokens(request: TaskRequest, expected: Values, truth: Values) -> Evaluator:
    labels = truth.get(LABELS)
    if isinstance(labels, Ragged):
        if kind_of(labels.values.dtype) != "int" or labels.values.ndim != 1:
            raise MetricError(
                f"'{LABELS}' is {described(labels)}: --task {request.name} takes {_TOKENS}"
            )
    else:
        labels = whole_labels(arrays_of(truth), request.name, _TOKENS, 2)
    like = labels.shape if isinstance(labels, np.ndarray) else None
    name = output_for(
        "tokens",
        request,
        expected,
        lambda values: _has_scores(values, like) or _has_tokens(values, like),
        f"scores of samples x places x tokens, or tokens, for '{LABELS}' {described(labels)}",
    )
    has_scores = _has_scores(expected[name], like)

    def parts_of(outputs: Values, _: Values, truth: Values) -> dict[str, np.ndarray]:
        labels = truth[LABELS]
        places = int(labels.counts.max()) if isinstance(labels, Ragged) else labels.shape[1]
        true = _padded(labels, places, -1).astype(np.int64)
        # What is not answered is wrong.
        answer = _padded(outputs[name], places, np.nan if has_scores else -1)
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

    return Evaluator(TOKEN_METRICS, {"tokens": name}, parts_of, takes_rows=True)


def _padded(values: SampleValues, places: int, fill: float) -> np.ndarray:
    """Sequences of one length: samples x places x anything."""
    if not isinstance(values, Ragged):
        if values.shape[1] == places:
            return values
        counts = np.full(len(values), values.shape[1])
        rows = values.reshape(-1, *values.shape[2:])
    else:
        counts, rows = values.counts, values.values
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = place < places
    if fill != -1:
        dtype: np.dtype[Any] = np.dtype(np.float64)
    else:  # which an unsigned number cannot be
        dtype = np.dtype(np.int64) if rows.dtype.kind in "iub" else rows.dtype
    padded = np.full((len(counts), places, *rows.shape[1:]), fill, dtype)
    padded[np.repeat(np.arange(len(counts)), counts)[kept], place[kept]] = rows[kept]
    return padded


def _has_scores(values: SampleValues, labels: tuple[int, ...] | None) -> bool:
    """Whether there is a score of each token at each place.

    Args:
        values: an output.
        labels: the shape of the labels; None if each sample has another number of places.
    """
    if isinstance(values, Ragged):
        return is_number(values.values) and values.values.ndim == 2
    return is_number(values) and values.ndim == 3 and labels in (None, values.shape[:2])


def _has_tokens(values: SampleValues, labels: tuple[int, ...] | None) -> bool:
    if isinstance(values, Ragged):
        return values.values.dtype.kind in "iu" and values.values.ndim == 1
    return values.dtype.kind in "iu" and values.ndim == 2 and labels in (None, values.shape)


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
TOKENS = Task(
    *("tokens", _TOKENS, ("tokens",), ("token_accuracy",), _tokens),
    takes_rows=True,
)
