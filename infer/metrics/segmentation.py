"""The task of segmentation: a class for each pixel."""

from __future__ import annotations

import numpy as np

from ..errors import MetricError
from .metric import Drawn, Metric, mean_where, ratio
from .task import (
    LABELS,
    Arrays,
    Evaluator,
    Task,
    TaskRequest,
    highest,
    is_number,
    output_for,
    squeezed,
    whole_classes,
    whole_labels,
)

_MASKS = f"'{LABELS}' of samples x height x width, the class of each pixel (255 or negative: none)"
# What data sets write where a pixel has no class (PASCAL VOC, Cityscapes).
_NO_CLASS = 255


def _segmentation(request: TaskRequest, expected: Arrays, truth: Arrays) -> Evaluator:
    labels = whole_labels(truth, request.name, _MASKS, 3)
    name = output_for(
        "mask",
        request,
        expected,
        lambda array: axis_of_classes(array, labels.shape) is not None,
        f"a map of classes, or of scores of classes, for '{LABELS}' {labels.shape}",
    )
    axis = axis_of_classes(expected[name], labels.shape)
    counted = labels[_has_class(labels)]
    most = int(counted.max(initial=0))
    classes = expected[name].shape[axis] if axis else max(most, int(expected[name].max())) + 1
    if most >= classes:
        raise MetricError(f"'{LABELS}' holds class {most}, and '{name}' has {classes} classes")

    def parts_of(outputs: Arrays, _: Arrays, truth: Arrays) -> dict[str, np.ndarray]:
        true, answer = truth[LABELS].astype(np.int64), outputs[name]
        answer = highest(answer, axis) if axis else whole_classes(answer.reshape(true.shape))
        answer = np.clip(answer, -1, classes)  # what no class is, is wrong
        confusion = np.stack(
            [_confusion(*pair, classes) for pair in zip(true, answer, strict=True)]
        )
        hits = np.diagonal(confusion[:, :, 1:-1], axis1=1, axis2=2)
        return {
            "hits": hits,
            "true": confusion.sum(axis=2),
            "predicted": confusion[:, :, 1:-1].sum(axis=1),
        }

    return Evaluator(SEGMENTATION_METRICS, {"mask": name}, parts_of)


def _has_class(labels: np.ndarray) -> np.ndarray:
    result: np.ndarray = (labels >= 0) & (labels != _NO_CLASS)
    return result


def _confusion(true: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """Pixels by true class and answer, of one sample: classes x (classes + 2).

    The answers that are no class come first and last.
    """
    counted = _has_class(true)
    places = true[counted] * (classes + 2) + answer[counted] + 1
    counts: np.ndarray = np.bincount(places, minlength=classes * (classes + 2))
    return counts.reshape(classes, classes + 2)


def axis_of_classes(array: np.ndarray, labels: tuple[int, ...]) -> int | None:
    """The axis of the classes: 0 if each pixel holds its class; None if it is no such map."""
    if not is_number(array):
        return None
    if array.ndim == 4 and array.shape[1] > 1 and (array.shape[0], *array.shape[2:]) == labels:
        return 1
    if array.ndim == 4 and array.shape[3] > 1 and array.shape[:3] == labels:
        return 3
    # With an axis of length 1, but never as many pixels in another shape, as width x height.
    if array.dtype.kind in "iu" and squeezed(array.shape) == squeezed(labels):
        return 0
    return None


def _mean_iou(drawn: Drawn) -> np.ndarray:
    hits = drawn.sum("hits")
    union = drawn.sum("true") + drawn.sum("predicted") - hits
    return mean_where(ratio(hits, union), union > 0)


def _pixel_accuracy(drawn: Drawn) -> np.ndarray:
    return ratio(drawn.sum("hits").sum(axis=1), drawn.sum("true").sum(axis=1))


_NEEDS = ("hits", "true", "predicted")
SEGMENTATION_METRICS = (
    Metric(
        "mean_iou",
        _mean_iou,
        "sklearn.metrics.jaccard_score, average='macro', of all pixels",
        needs=_NEEDS,
    ),
    Metric(
        "pixel_accuracy",
        _pixel_accuracy,
        "sklearn.metrics.accuracy_score, of all pixels",
        needs=_NEEDS,
    ),
)
SEGMENTATION = Task("segmentation", _MASKS, ("mask",), ("mean_iou",), _segmentation)
