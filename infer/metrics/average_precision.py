"""COCO's average precision and recall of drawn samples, from how each sample's detections matched.

`COCOeval.accumulate` puts the detections of all images in the order of their scores. A resample
holds an image several times or not at all, so here each detection counts as often as its image was
drawn: the result is that of `accumulate` on the images in fact repeated. Only where a detection is
right can the precision rise, so precision is calculated there alone.
"""

from __future__ import annotations

import numpy as np

from .metric import Drawn, Metric, Parts

# As COCOeval has them: the intersection over union that a match takes, and the recalls at which
# precision is averaged.
OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST_DETECTIONS = 100
_AT_ONCE = 4_000_000  # detections times resamples

# Of each sample: its true objects of each class, and the number of its detections. Of each
# detection: its score, the place of its class, and at each overlap whether it is right or wrong;
# what lies on an object that does not count is neither.
OBJECTS, DETECTIONS = "objects", "detections"
SCORE, CLASS, RIGHT, WRONG = "score", "class", "right", "wrong"


def precisions(drawn: Drawn) -> np.ndarray:
    """The average precision at each overlap: resamples x overlaps."""
    return drawn.once(_averages)[0]


def recalls(drawn: Drawn) -> np.ndarray:
    """The average recall at each overlap: resamples x overlaps."""
    return drawn.once(_averages)[1]


def _averages(drawn: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """Both, over the classes that have an object in the resample; NaN where none has."""
    parts, objects = drawn.parts, drawn.sum(OBJECTS)
    image = np.repeat(np.arange(len(parts[DETECTIONS])), parts[DETECTIONS])
    # Stable, as COCOeval's: equal scores in the order of the images.
    order = np.lexsort((-parts[SCORE], parts[CLASS]))
    ends = np.searchsorted(parts[CLASS][order], np.arange(objects.shape[1] + 1))
    sums = np.zeros((2, len(objects), len(OVERLAPS)))
    for number in range(objects.shape[1]):
        rows = order[ends[number] : ends[number + 1]]
        step = max(1, _AT_ONCE // max(1, len(rows)))
        for start in range(0, len(objects), step):
            place = slice(start, start + step)
            counts = drawn.counts[place][:, image[rows]]
            sums[:, place] += _of_class(parts, rows, counts, objects[place, number])
    classes = (objects > 0).sum(axis=1)[:, None]
    precision, recall = np.where(classes, sums / np.maximum(classes, 1), np.nan)
    return precision, recall


def _of_class(
    parts: Parts, rows: np.ndarray, counts: np.ndarray, objects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of a class at each overlap; 0 where it has no object.

    Args:
        parts: the parts.
        rows: its detections, by their scores.
        counts: how often each is drawn, resamples x detections.
        objects: number of its objects in each resample.
    """
    precisions, recalls = np.zeros((2, len(counts), len(OVERLAPS)))
    present = np.maximum(objects, 1)[:, None]
    all_found: np.ndarray | None = None
    for overlap in range(len(OVERLAPS)):
        right = np.flatnonzero(parts[RIGHT][rows, overlap])
        if not len(right):
            continue
        all_found = counts.cumsum(axis=1) if all_found is None else all_found
        found = all_found[:, right]
        uncounted = np.flatnonzero(~(parts[RIGHT][rows, overlap] | parts[WRONG][rows, overlap]))
        if len(uncounted):
            before = np.searchsorted(uncounted, right)
            left_out = np.pad(counts[:, uncounted].cumsum(axis=1), ((0, 0), (1, 0)))
            found = found - left_out[:, before]
        hits = counts[:, right].cumsum(axis=1)
        precision = hits / (found + np.spacing(1))
        # The best at this recall or a higher one.
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        reached = np.searchsorted(RECALLS, hits / present, side="right")
        newly = np.diff(reached, axis=1, prepend=0)
        precisions[:, overlap] = (best * newly).sum(axis=1) / len(RECALLS)
        recalls[:, overlap] = hits[:, -1] / present[:, 0]
    none = objects == 0
    precisions[none] = recalls[none] = 0
    return precisions, recalls


def _metric(name: str, overlap: int | None, what: str) -> Metric:
    def calculate(drawn: Drawn) -> np.ndarray:
        found = precisions(drawn)
        result: np.ndarray = found.mean(axis=1) if overlap is None else found[:, overlap]
        return result

    return Metric(name, calculate, f"pycocotools.cocoeval.COCOeval, {what}", needs=(OBJECTS,))


def detection_metrics(most: int) -> tuple[Metric, ...]:
    """COCO's metrics, where so many detections of an image and class count."""
    return (
        _metric("mAP", None, "average precision at IoU 0.50:0.95"),
        _metric("AP50", 0, "average precision at IoU 0.50"),
        _metric("AP75", 5, "average precision at IoU 0.75"),
        Metric(
            f"AR{most}",
            lambda drawn: recalls(drawn).mean(axis=1),
            f"pycocotools.cocoeval.COCOeval, average recall of {most} detections",
            needs=(OBJECTS,),
        ),
    )
