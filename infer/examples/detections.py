"""The detections of `--task detection` as sets of boxes, with the true objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from msgspec.structs import replace as with_fields

from ..errors import MetricError
from ..metrics.box_matches import Detections
from ..metrics.detection import CLASSES, true_objects
from ..metrics.detector_outputs import DetectorOutputs, detector_outputs
from ..metrics.task import XYXY, TaskRequest, Values
from ..parity.row_pairs import PairedOutputs, RowPair
from ..parity.set_pairs import pair_sets
from ..parity.tolerance import Tolerance
from ..records.example_events import OutputExamples
from ..tensors.comparison_options import RowSet
from ..tensors.ragged import Ragged
from .arrays import ArrayWriter
from .boxes import BoxOutputs, box_examples
from .compared import ComparedOutputs

# Corners are sums of what other formats tell, so that both differences may add up.
_SUMS = 2.0
_BOXES, _SCORES, _CLASSES = "boxes", "scores", "classes"


def detection_examples(
    compared: ComparedOutputs,
    request: TaskRequest,
    sides: tuple[Values, Values],
    truth: Values,
    size: tuple[int, int] | None,
    writer: ArrayWriter,
) -> OutputExamples | None:
    """Choose the samples of a detector that differ most, as `box_examples` does.

    Arrays of an example: beside those, `truth`, in the same columns.

    Args:
        compared: the outputs, with their tolerances.
        request: what the user says of the task.
        sides: outputs of the artifact and of the reference, by samples.
        truth: the truth by samples.
        size: height and width of the input pictures, if there are any.
        writer: writes the arrays.

    Returns:
        None if the outputs are no detections, as a notice says.
    """
    try:
        outputs = detector_outputs(request, sides[1], has_classes=CLASSES in truth)
        mine, theirs = (outputs.detections(side) for side in sides)
    except (MetricError, ValueError, KeyError):
        return None
    if len(mine) != len(theirs):
        return None
    columns = [_BOXES, _SCORES, *([_CLASSES] if outputs.classes else [])]
    samples = tuple(range(len(theirs)))
    pairs = {name: RowPair(_rows(mine, name), _rows(theirs, name), samples) for name in columns}
    row_set = RowSet(_BOXES, tuple(columns[1:]))
    limits = _limits(outputs, compared.limits)
    paired = pair_sets(
        PairedOutputs(
            {name: pair.outputs.in_a_row for name, pair in pairs.items()},
            {name: pair.expected.in_a_row for name, pair in pairs.items()},
            {name: pair.calls for name, pair in pairs.items()},
        ),
        *(pairs, [row_set], limits),
    )
    found = box_examples(
        ComparedOutputs({}, {}, limits, paired.partners),
        row_set,
        BoxOutputs(_BOXES, _SCORES, _CLASSES if outputs.classes else None),
        *(size, writer, _true_boxes(truth, len(samples))),
    )
    names = dict.fromkeys(name.partition(":")[0] for name in outputs.roles.values())
    return found and with_fields(found, output=", ".join(names))


def _rows(detections: Sequence[Detections], name: str) -> Ragged:
    if name == _BOXES:
        parts = [_corners(found.boxes) for found in detections]
    else:
        parts = [getattr(found, name) for found in detections]
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return Ragged(np.concatenate(parts) if parts else np.zeros((0, 4)), offsets)


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of boxes of left, top, width and height."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _limits(outputs: DetectorOutputs, limits: Mapping[str, Tolerance]) -> dict[str, Tolerance]:
    """The tolerance of each column."""
    none = Tolerance(0.0, "equal")
    of_boxes = limits.get(outputs.boxes.output, none)
    factor = 1.0 if outputs.box_format in (XYXY, "yxyx") else _SUMS
    return {
        _BOXES: replace(of_boxes, value=of_boxes.value * factor, odds=None),
        _SCORES: replace(limits.get(outputs.scores.output, none), odds=None),
        _CLASSES: none,
    }


def _true_boxes(truth: Values, samples: int) -> Callable[[int], np.ndarray] | None:
    """A function of a sample to its true objects, rows x 5: corners and class."""
    try:
        objects = true_objects(truth)
    except MetricError:
        return None
    if len(objects) != samples:
        return None

    def of_sample(sample: int) -> np.ndarray:
        true = objects[sample]
        return np.concatenate([_corners(true.boxes), true.classes[:, None]], axis=1)

    return of_sample
