"""Examples of boxes: detections on the pictures of samples, on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..examples.arrays import ExamplesError
from ..examples.boxes import AGREES, DIFFERS, LONE
from ..records.example_events import OutputExamples
from .artifact_examples import ROLES, ArtifactExamples, count_of, title_of
from .example_figures import Box, Card, ExamplePart, Figure, KeyEntry, Row

_STATES = {LONE: "lone", DIFFERS: "differs", AGREES: "agrees"}
_KEY = [
    KeyEntry("no partner on the other side", state="lone"),
    KeyEntry("differs from its partner", state="differs"),
    KeyEntry("agrees with its partner", state="agrees"),
]


def box_part(examples: ArtifactExamples, output: OutputExamples) -> ExamplePart:
    """The samples with the most boxes that have no partner or differ.

    Raises:
        ExamplesError: an array is not as it should be.
    """
    cards = []
    for example in output.examples:
        sides = {
            title: examples.array(example.arrays, role, 2, "float64")
            for role, title in ROLES.items()
            if role in example.arrays
        }
        figures = _figures(
            sides,
            examples.names,
            examples.input_picture(example.sample),
            examples.aspect(example.sample),
            example.sample,
        )
        count = count_of(example)
        text = (
            "all boxes agree"
            if not count
            else (
                f"{count:,} {'box has' if count == 1 else 'boxes have'} no partner or differ"
                f"{'s' if count == 1 else ''}"
            )
        )
        cards.append(Card(title_of(example), text, [Row("", figures)]))
    return ExamplePart(examples.artifact, output.output, "", cards, _KEY)


def _figures(
    sides: Mapping[str, np.ndarray],
    names: Sequence[str],
    picture: str | None,
    aspect: float,
    sample: int,
) -> list[Figure]:
    """A figure for each side.

    Args:
        sides: rows x 7 by title, as `infer.examples.boxes` has them.
        names: names of the classes.
        picture: the input, as a data URI; None if it is none.
        aspect: its width over its height.
        sample: number of the sample.

    Raises:
        ExamplesError: rows are not as they should be.
    """
    figures = []
    for title, rows in sides.items():
        if rows.shape[1:] != (7,):
            raise ExamplesError("boxes are not as they should be")
        boxes = [_box(row, names, title) for row in rows.tolist() if np.isfinite(row[:4]).all()]
        count = f"{len(boxes)} {'box' if len(boxes) == 1 else 'boxes'}"
        lone = sum(box.state == "lone" for box in boxes)
        told = f"{title}: {count}" + (f", {lone} without a partner" if lone else "")
        alt = f"{told}, sample {sample}"
        figures.append(Figure(told, alt, picture, aspect, boxes[::-1], frame=True))
    return figures


def _box(row: Sequence[float], names: Sequence[str], title: str) -> Box:
    left, top, right, bottom = (round(min(1.05, max(-0.05, at)) * 100, 2) for at in row[:4])
    score, label, state = row[4:]
    parts = []
    if np.isfinite(label):
        number = int(label)
        parts.append(names[number] if 0 <= number < len(names) else str(number))
    if np.isfinite(score):
        parts.append(f"{score:.2f}")
    shown = "truth" if title == "truth" else _STATES.get(int(state) if np.isfinite(state) else 0)
    width, height = max(0.0, right - left), max(0.0, bottom - top)
    return Box(left, top, width, height, shown or "lone", " ".join(parts))
