"""The task of a detector: boxes with scores and classes, another number of them in each image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import MetricError
from ..tensors.ragged import Ragged
from .average_precision import MOST_DETECTIONS, detection_metrics
from .box_matches import Detections, TrueObjects, match_parts
from .detector_outputs import ROLES, as_xywh, detector_outputs, rows_of
from .task import LABELS, SAMPLE, XYXY, Evaluator, Task, TaskRequest, Values

BOXES, CLASSES, CROWD = (f"{LABELS}.{name}" for name in ("boxes", "classes", "crowd"))
_TRUTH = (
    f"'{BOXES}' of objects x 4, left, top, right and bottom of each, with '{CLASSES}', and "
    f"'{SAMPLE}', the number of its image"
)
# Of the reference's boxes, how many may end before they begin; more are in another format.
_MOST_TURNED = 0.5


def _detection(request: TaskRequest, expected: Values, truth: Values) -> Evaluator:
    true = true_objects(truth)
    outputs = detector_outputs(request, expected, has_classes=CLASSES in truth)
    if len(true) != len(expected[outputs.boxes.output]):
        raise MetricError(
            f"'{BOXES}' is of {len(true):,} images, the outputs are of "
            f"{len(expected[outputs.boxes.output]):,}"
        )
    known = np.unique(np.concatenate([objects.classes for objects in true]))
    most = request.k or MOST_DETECTIONS
    rows, _ = rows_of(outputs.boxes.of(expected, 4), 4)
    if (
        len(rows)
        and (as_xywh(rows, request.box_format)[:, 2:] < 0).any(axis=1).mean() > _MOST_TURNED
    ):
        raise MetricError(
            f"--task {request.name}: most boxes of '{outputs.boxes.output}' end before they begin, "
            f"as {request.box_format}: say format=xywh, cxcywh or yxyx"
        )

    def parts_of(given: Values, _: Values, truth: Values) -> dict[str, np.ndarray]:
        images = zip(true_objects(truth), outputs.detections(given), strict=True)
        return match_parts(_by_place(images, known), len(known), most)

    return Evaluator(detection_metrics(most), outputs.roles, parts_of, takes_rows=True)


def _by_place(
    images: Iterator[tuple[TrueObjects, Detections]], known: np.ndarray
) -> Iterator[tuple[TrueObjects, Detections]]:
    """Classes by their places among those of the truth; other detections cannot be right."""
    for true, found in images:
        kept = np.isin(found.classes, known)
        places = np.searchsorted(known, found.classes[kept])
        yield (
            TrueObjects(true.boxes, np.searchsorted(known, true.classes), true.is_crowd),
            Detections(found.boxes[kept], places, found.scores[kept]),
        )


def true_objects(truth: Values) -> list[TrueObjects]:
    """The true objects of each image.

    Args:
        truth: the truth by samples.

    Raises:
        MetricError: the arrays do not tell them.
    """
    boxes = truth.get(BOXES)
    if boxes is None or not (isinstance(boxes, Ragged) or boxes.ndim == 3):
        what = "no such array" if boxes is None else f"'{BOXES}' {boxes.shape}"
        raise MetricError(f"the inputs hold {what}: --task detection takes {_TRUTH}")
    try:
        rows, counts = rows_of(boxes, 4)
        classes, crowd = (_one_each(truth, name, counts) for name in (CLASSES, CROWD))
    except ValueError as error:
        raise MetricError(f"{error}: --task detection takes {_TRUTH}") from None
    xywh = as_xywh(rows, XYXY)
    is_object = classes >= 0  # the others fill up
    if not np.isfinite(xywh[is_object]).all() or (xywh[is_object, 2:] < 0).any():
        raise MetricError(
            f"a box of '{BOXES}' ends before it begins: give left, top, right and bottom of each"
        )
    ends = np.cumsum(counts)
    images = [
        np.flatnonzero(is_object[end - count : end]) + end - count
        for end, count in zip(ends, counts, strict=True)
    ]
    return [TrueObjects(xywh[rows], classes[rows], crowd[rows] > 0) for rows in images]


def _one_each(truth: Values, name: str, counts: np.ndarray) -> np.ndarray:
    """A whole number for each object; 0 where there is no such array."""
    if name not in truth:
        return np.zeros(int(counts.sum()), np.int64)
    rows, its_counts = rows_of(truth[name], 1)
    if not np.array_equal(its_counts, counts) or rows.dtype.kind not in "iub":
        raise ValueError(f"'{name}' is not a whole number for each box of '{BOXES}'")
    return rows[:, 0].astype(np.int64)


DETECTION = Task(
    *("detection", _TRUTH, ROLES, ("mAP",), _detection),
    needs=BOXES,
    takes_rows=True,
    package="pycocotools",
)
