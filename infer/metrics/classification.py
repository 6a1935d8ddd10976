"""The tasks of classifiers: one class a sample, or several labels."""

from __future__ import annotations

import numpy as np
import scipy

from ..tensors.dtypes import kind_of
from ..tensors.text import as_bytes
from .classes import CLASS_METRICS, class_parts, label_parts
from .metric import Parts
from .probabilities import (
    AREA,
    HAMMING_LOSS,
    MOST_PROBABILITIES,
    are_logits,
    area_part,
    score_metrics,
    score_parts,
)
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

TOP_K = 5
_ONE_EACH = f"'{LABELS}' of one whole number for each sample, the class"
_SEVERAL = f"'{LABELS}' of samples x labels, each 0 or 1"


def _classification(request: TaskRequest, expected: Arrays, truth: Arrays) -> Evaluator:
    labels = whole_labels(truth, request.name, _ONE_EACH, 1)
    name = output_for(
        "scores",
        request,
        expected,
        lambda array: _is_scores(array, len(labels)),
        "numbers of samples x classes",
    )
    return classifier(expected[name], name, request.k or TOP_K)


def classifier(expected: np.ndarray, name: str, k: int) -> Evaluator:
    """The evaluator of scores.

    Args:
        expected: the reference's scores, N x classes, which tell whether they are logits.
        name: name of the output.
        k: among how many of the highest the true class is looked for.
    """
    logits = are_logits(expected, several=False)
    keeps_all = expected.size <= MOST_PROBABILITIES

    def parts_of(outputs: Arrays, _: Arrays, truth: Arrays) -> dict[str, np.ndarray]:
        labels = truth[LABELS].reshape(-1).astype(np.int64)
        scores = outputs[name].astype(np.float64)
        probabilities = scipy.special.softmax(scores, axis=1) if logits else scores
        parts = score_parts(probabilities, labels, k)
        parts |= {"labels": labels, "answer": highest(outputs[name], 1)}
        if keeps_all:
            parts["probabilities"] = probabilities.astype(np.float32)
        return parts

    def finish(parts: dict[str, np.ndarray]) -> Parts:
        labels = parts.pop("labels")
        parts |= class_parts(parts.pop("answer"), labels)
        if (kept := parts.pop("probabilities", None)) is not None:
            # Of two classes the second is the positive one, as in scikit-learn.
            first = 1 if kept.shape[1] == 2 else 0
            is_true = labels[:, None] == np.arange(first, kept.shape[1])
            area = area_part(kept[:, first:], is_true)
            parts |= {} if area is None else {"area": area}
        return parts

    return Evaluator((*CLASS_METRICS, *score_metrics(k)), {"scores": name}, parts_of, finish)


def answers(name: str) -> Evaluator:
    """The evaluator of an output that answers with the class itself, as a number or text."""

    def parts_of(outputs: Arrays, _: Arrays, truth: Arrays) -> dict[str, np.ndarray]:
        return {"answer": _as_str(outputs[name].reshape(-1)), "labels": _as_str(truth[LABELS])}

    def finish(parts: dict[str, np.ndarray]) -> Parts:
        return class_parts(parts["answer"], parts["labels"])

    return Evaluator(CLASS_METRICS, {"answer": name}, parts_of, finish)


def _multilabel(request: TaskRequest, expected: Arrays, truth: Arrays) -> Evaluator:
    labels = whole_labels(truth, request.name, _SEVERAL, 2)
    name = output_for(
        "scores",
        request,
        expected,
        lambda array: is_number(array) and array.shape == labels.shape,
        f"numbers of samples x labels, {labels.shape}",
    )
    logits = are_logits(expected[name], several=True)

    def parts_of(outputs: Arrays, _: Arrays, truth: Arrays) -> dict[str, np.ndarray]:
        scores, true = outputs[name].astype(np.float64), truth[LABELS] != 0
        probabilities = scipy.special.expit(scores) if logits else scores
        # What is no number is wrong, whatever is true.
        answer = np.where(np.isnan(probabilities), ~true, probabilities >= 0.5)
        parts = label_parts(answer, true)
        if labels.size <= MOST_PROBABILITIES:
            parts["probabilities"] = probabilities.astype(np.float32)
        return parts

    def finish(parts: dict[str, np.ndarray]) -> Parts:
        kept = parts.pop("probabilities", None)
        area = area_part(kept, parts["true"]) if kept is not None else None
        return parts if area is None else parts | {"area": area}

    metrics = (*CLASS_METRICS, HAMMING_LOSS, AREA)
    return Evaluator(metrics, {"scores": name}, parts_of, finish)


def _is_scores(array: np.ndarray, samples: int) -> bool:
    shape = array.shape
    return is_number(array) and len(shape) == 2 and shape[0] == samples and shape[1] > 1


CLASSIFICATION = Task("classification", _ONE_EACH, ("scores",), ("accuracy",), _classification)
MULTILABEL = Task("multilabel", _SEVERAL, ("scores",), ("accuracy",), _multilabel)


def _as_str(array: np.ndarray) -> np.ndarray:
    """Numbers and text as `str`; bytes that are no UTF-8 are escaped."""
    if kind_of(array.dtype) != "text":
        return array.astype(np.str_)
    return np.array([v.decode(errors="backslashreplace") for v in as_bytes(array)], np.str_)
