"""Which outputs of a detector are its boxes, scores and classes, and the detections of each image.

Outputs have rows of each sample, or are padded: samples x detections x 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import MetricError
from ..tensors.dtypes import kind_of
from ..tensors.ragged import Ragged, SampleValues, described
from .box_matches import Detections
from .task import TaskRequest, Values, listed, whole_classes

ROLES = ("boxes", "scores", "classes", "count")
# What the four numbers of a box are; the names are torchvision's, and the last is TensorFlow's.
BOX_FORMATS = ("xyxy", "xywh", "cxcywh", "yxyx")
_TOO_LARGE = 2.0**53  # for a coordinate
# Words in names of outputs, by which one of several is taken for a role.
_WORDS = {
    "boxes": ("box",),
    "scores": ("score", "conf", "prob"),
    "classes": ("class", "label"),
    "count": ("num", "count"),
}


def rows_of(values: SampleValues, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all samples, rows x width, and the number of each sample's.

    Raises:
        ValueError: a sample has no whole number of such rows.
    """
    if isinstance(values, Ragged):
        return values.values.reshape(len(values.values), width), values.counts
    rows = values.reshape(len(values), -1, width)
    return rows.reshape(-1, width), np.full(len(rows), rows.shape[1])


def as_xywh(boxes: np.ndarray, box_format: str) -> np.ndarray:
    """Boxes as left, top, width and height: float64 boxes x 4."""
    a, b, c, d = boxes.astype(np.float64).T
    with np.errstate(invalid="ignore", over="ignore"):
        if box_format == "xyxy":
            return np.stack([a, b, c - a, d - b], axis=1)
        if box_format == "yxyx":
            return np.stack([b, a, d - b, c - a], axis=1)
        if box_format == "cxcywh":
            return np.stack([a - c / 2, b - d / 2, c, d], axis=1)
    return np.stack([a, b, c, d], axis=1)


@dataclass(frozen=True)
class Place:
    """An output, or the columns of one from a number on."""

    output: str
    column: int | None = None

    def of(self, values: Values, width: int) -> SampleValues:
        """Its values: so many columns, if it has a number."""
        found = values[self.output]
        if self.column is None:
            return found
        cut = slice(self.column, self.column + width)
        if isinstance(found, Ragged):
            return Ragged(found.values[..., cut], found.offsets)
        return found[..., cut]


@dataclass(frozen=True)
class DetectorOutputs:
    """Where the detections are.

    Attributes:
        boxes, scores: where these are.
        classes: where the classes are; None where they do not count.
        count: where the number of detections in each sample is; None if it is not told.
        box_format: what the four numbers of a box are.
    """

    boxes: Place
    scores: Place
    classes: Place | None
    count: Place | None
    box_format: str

    def detections(self, values: Values) -> list[Detections]:
        """The detections of each sample.

        A row of padding has a score of 0 or less, a negative class, or a place behind the count.

        Raises:
            ValueError: the outputs do not fit together.
        """
        rows, counts = rows_of(self.boxes.of(values, 4), 4)
        scores, classes = (
            np.zeros(len(rows)) if place is None else self._column(values, place, counts)
            for place in (self.scores, self.classes)
        )
        is_there = ~(scores <= 0) & ~(classes < 0)
        if self.count is not None:
            places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            stated, _ = rows_of(values[self.count.output], 1)
            is_there &= places < np.repeat(stated[:, 0], counts)
        boxes = as_xywh(rows, self.box_format)
        # What is no box, or has no score, lies on nothing, and counts as wrong.
        boxes[~(np.abs(boxes) < _TOO_LARGE).all(axis=1) | np.isnan(scores)] = 0
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 0)
        scores = np.nan_to_num(scores)
        classes = whole_classes(classes)
        ends = np.cumsum(counts)
        return [
            Detections(boxes[kept], classes[kept], scores[kept])
            for kept in (
                np.flatnonzero(is_there[end - count : end]) + end - count
                for end, count in zip(ends, counts, strict=True)
            )
        ]

    def _column(self, values: Values, place: Place, counts: np.ndarray) -> np.ndarray:
        rows, its_counts = rows_of(place.of(values, 1), 1)
        if not np.array_equal(its_counts, counts):
            raise ValueError(f"'{place.output}' has other numbers of rows than the boxes")
        return rows[:, 0].astype(np.float64)

    @property
    def roles(self) -> dict[str, str]:
        """The output of each role, as the user writes it."""
        found = {role: getattr(self, role) for role in ROLES}
        return {
            role: place.output + ("" if place.column is None else f":{place.column}")
            for role, place in found.items()
            if place is not None
        }


def detector_outputs(
    request: TaskRequest, outputs: Values, *, has_classes: bool
) -> DetectorOutputs:
    """Find the outputs: those that the user names, or the only ones that fit.

    Args:
        request: what the user says.
        outputs: the reference's outputs.
        has_classes: whether the truth has classes.

    Raises:
        MetricError: one is not there, or several could be it.
    """
    find = _Finder(request, outputs)
    boxes = find.place("boxes", 4, _has_boxes, "boxes of 4 numbers")
    _, counts = rows_of(boxes.of(outputs, 4), 4)

    def is_one_each(values: SampleValues) -> bool:
        if _kind(values) not in ("int", "float"):
            return False
        try:
            return bool(np.array_equal(rows_of(values, 1)[1], counts))
        except ValueError:
            return False

    scores = find.place(
        "scores", 1, lambda v: is_one_each(v) and _kind(v) == "float", "a score for each box"
    )
    classes = (
        find.place("classes", 1, is_one_each, "a class for each box", scores.output)
        if has_classes
        else None
    )
    return DetectorOutputs(boxes, scores, classes, find.count(), request.box_format)


class _Finder:
    """Finds the output of a role."""

    def __init__(self, request: TaskRequest, outputs: Values) -> None:
        self._request = request
        # A single number is of no sample.
        self._outputs = {
            name: values
            for name, values in outputs.items()
            if isinstance(values, Ragged) or values.ndim
        }

    def place(
        self,
        role: str,
        width: int,
        fits: Callable[[SampleValues], bool],
        what: str,
        taken: str = "",
    ) -> Place:
        """The place of a role.

        Raises:
            MetricError: it is not there, or several could be it.
        """
        task, outputs = f"--task {self._request.name}", self._outputs
        if role in self._request.outputs:
            place = self._named(self._request.outputs[role])
            if place is None:
                raise MetricError(
                    f"{task} {role}={self._request.outputs[role]}: there is no such output (there "
                    f"are: {', '.join(outputs)})"
                )
            if not fits(place.of(outputs, width)):
                raise MetricError(
                    f"{task} {role}={self._request.outputs[role]}: "
                    f"{described(outputs[place.output])} is not {what}"
                )
            return place
        fitting = [name for name, values in outputs.items() if name != taken and fits(values)]
        named = [name for name in fitting if any(w in name.lower() for w in _WORDS[role])]
        if len(named) == 1 or len(fitting) == 1:
            return Place((named if len(named) == 1 else fitting)[0])
        if fitting:
            raise MetricError(
                f"{task}: {' and '.join(fitting)} could each be the {role}: say which, as "
                f"{task} {role}={fitting[0]}"
            )
        raise MetricError(
            f"{task}: no output is {what} (there are: {listed(outputs)}); what lists the rows of "
            "several samples needs --rows OUTPUT:COLUMN"
        )

    def count(self) -> Place | None:
        """The place of the number of detections in each sample; None if it is not told."""

        def fits(values: SampleValues) -> bool:
            if isinstance(values, Ragged) or values.size != len(values):
                return False
            return _kind(values) in ("int", "float")

        if "count" in self._request.outputs:
            return self.place("count", 1, fits, "one number for each sample")
        named = [
            name
            for name, values in self._outputs.items()
            if fits(values) and any(word in name.lower() for word in _WORDS["count"])
        ]
        return Place(named[0]) if len(named) == 1 else None

    def _named(self, text: str) -> Place | None:
        """The output of a name, or of a name with a column behind a colon."""
        if text in self._outputs:
            return Place(text)
        name, _, column = text.rpartition(":")
        is_number = column.isascii() and column.isdecimal() and len(column) < 7
        return Place(name, int(column)) if name in self._outputs and is_number else None


def _kind(values: SampleValues) -> str:
    return kind_of((values.values if isinstance(values, Ragged) else values).dtype)


def _has_boxes(values: SampleValues) -> bool:
    rows = values.values if isinstance(values, Ragged) else values
    return _kind(values) == "float" and rows.ndim >= 2 and rows.shape[-1] == 4
