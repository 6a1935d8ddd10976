"""Which detections of an image match its true objects: pycocotools' `COCOeval.evaluateImg`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..errors import MetricError
from .average_precision import CLASS, DETECTIONS, OBJECTS, OVERLAPS, RIGHT, SCORE, WRONG

_ANY_AREA = (0.0, np.inf)


@dataclass(frozen=True)
class TrueObjects:
    """The true objects of an image.

    Attributes:
        boxes: left, top, width and height, float64 objects x 4.
        classes: the place of each class.
        is_crowd: whether it is several objects at once: what lies on it counts neither way.
    """

    boxes: np.ndarray
    classes: np.ndarray
    is_crowd: np.ndarray


@dataclass(frozen=True)
class Detections:
    """The detections of an image: boxes and classes as of `TrueObjects`, and scores."""

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


def match_parts(
    images: Iterable[tuple[TrueObjects, Detections]], classes: int, most: int
) -> dict[str, np.ndarray]:
    """Match the detections of each image; the parts that average precision takes.

    Args:
        images: objects and detections of each image.
        classes: number of classes.
        most: how many detections of an image and class count, those of the highest scores.

    Raises:
        MetricError: pycocotools is not installed.
    """
    matcher = _Matcher(most)
    objects: list[np.ndarray] = []
    numbers: list[int] = []
    found: dict[str, list[np.ndarray]] = {name: [] for name in (SCORE, CLASS, RIGHT, WRONG)}
    for true, detected in images:
        objects.append(np.bincount(true.classes[~true.is_crowd], minlength=classes))
        number = 0
        for place in np.unique(detected.classes):
            scores, right, wrong = matcher.matched(true, detected, int(place))
            number += len(scores)
            found[SCORE].append(scores)
            found[CLASS].append(np.full(len(scores), place))
            found[RIGHT].append(right)
            found[WRONG].append(wrong)
        numbers.append(number)
    none = {SCORE: np.zeros(0), CLASS: np.zeros(0, np.int64)}
    empty = np.zeros((0, len(OVERLAPS)), bool)
    return {
        OBJECTS: np.array(objects, np.int32),
        DETECTIONS: np.array(numbers, np.int64),
        **{name: np.concatenate([none.get(name, empty), *rows]) for name, rows in found.items()},
    }


class _Matcher:
    """`COCOeval`, for one image and class at a time."""

    def __init__(self, most: int) -> None:
        try:
            from pycocotools.cocoeval import COCOeval
        except ImportError as error:
            raise MetricError(
                f"--task detection needs pycocotools ({error}): pip install '.[detection]'"
            ) from None

        self._most = most
        self._evaluation = COCOeval(iouType="bbox")
        self._evaluation.params.iouThrs = OVERLAPS
        self._evaluation.params.maxDets = [most]

    def matched(
        self, true: TrueObjects, detected: Detections, place: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The scores of a class's detections, the highest first, and which are right and wrong."""
        mine, theirs = (np.flatnonzero(side.classes == place) for side in (true, detected))
        if not len(mine):
            scores = detected.scores[theirs]
            scores = scores[np.argsort(-scores, kind="stable")][: self._most]
            wrong = np.ones((len(scores), len(OVERLAPS)), bool)
            return scores, ~wrong, wrong
        evaluation, key = self._evaluation, (0, place)
        # Numbers begin with 1: 0 stands for no match.
        evaluation._gts[key] = [
            {
                "id": number,
                "bbox": true.boxes[row],
                "area": true.boxes[row, 2] * true.boxes[row, 3],
                "iscrowd": int(true.is_crowd[row]),
                "ignore": int(true.is_crowd[row]),
            }
            for number, row in enumerate(mine, 1)
        ]
        evaluation._dts[key] = [
            {
                "id": number,
                "bbox": detected.boxes[row],
                "area": detected.boxes[row, 2] * detected.boxes[row, 3],
                "score": detected.scores[row],
            }
            for number, row in enumerate(theirs, 1)
        ]
        evaluation.ious[key] = evaluation.computeIoU(*key)
        result = evaluation.evaluateImg(*key, _ANY_AREA, self._most)
        counts = ~np.asarray(result["dtIgnore"], bool).T
        matched = result["dtMatches"].T > 0
        return np.array(result["dtScores"]), matched & counts, ~matched & counts
