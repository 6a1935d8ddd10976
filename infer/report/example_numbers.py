"""Examples of numbers: a table of both sides, and a plot of one over the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..examples.arrays import ExamplesError
from ..records.example_events import OutputExamples
from .artifact_examples import ArtifactExamples, title_of
from .example_figures import Card, ExamplePart, Point, Row, Scatter


def number_part(examples: ArtifactExamples, output: OutputExamples) -> ExamplePart:
    """The samples with the largest differences, and a plot of all.

    Raises:
        ExamplesError: an array is not as it should be.
    """
    cards = []
    for example in output.examples:
        numbers = examples.array(example.arrays, "numbers", 2, "float64")
        if len(numbers) != 4:
            raise ExamplesError("'numbers' are not as they should be")
        lines = [
            (f"{target:.0f}", _number(theirs), _number(mine), _number(true))
            for target, theirs, mine, true in numbers.T.tolist()
        ]
        text = f"differs by up to {example.difference:.3g}"
        rows = [Row("", examples.input_figures(example.sample))]
        cards.append(Card(title_of(example), text, rows, lines))
    scatter = None
    if "points" in output.arrays:
        points = examples.array(output.arrays, "points", 2, "float64")
        scatter = _scatter(points, [example.sample for example in output.examples])
    return ExamplePart(examples.artifact, output.output, "", cards, scatter=scatter)


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _scatter(points: np.ndarray, worst: Sequence[int]) -> Scatter | None:
    """The plot of 4 x n: samples, the reference's, the artifact's and the true values."""
    if len(points) != 4:
        raise ExamplesError("'points' are not as they should be")
    points = points[:, np.isfinite(points[:3]).all(axis=0)]
    if points.shape[1] < 2:
        return None
    low, high = float(points[1:3].min()), float(points[1:3].max())
    with np.errstate(over="ignore"):
        width = high - low
    if not np.isfinite(width) or width <= 0:
        return None
    drawn = []
    for sample, theirs, mine, true in points.T.tolist():
        text = f"sample {sample:,.0f}: reference {theirs:.6g}, artifact {mine:.6g}"
        if np.isfinite(true):
            text += f", truth {true:.6g}"
        x, y = (theirs - low) / width * 100, 100 - (mine - low) / width * 100
        drawn.append(Point(round(x, 2), round(y, 2), sample in worst, text))
    drawn.sort(key=lambda point: point.is_worst)
    return Scatter(drawn, f"{low:.4g}", f"{high:.4g}")
