"""The examples of a page: samples in which artifacts differ most, beside the reference's answer.

All comes from the records and from small files beside them, which may be a stranger's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..examples.arrays import ExamplesError, read_array
from ..records.events import latest
from ..records.example_events import Example, ExampleArray, ExamplesTaken, OutputExamples
from ..results.recorded_run import RecordedRun
from ..results.summary import ArtifactResult
from .example_boxes import BOX_KEY, box_figures
from .example_figures import Card, ExamplePart, Figure, KeyEntry, Point, Row, Scatter
from .png import Pictures, css_colour

# Classes in a key, and artifacts that are shown.
_MOST_KEYS, _MOST_PARTS = 24, 24
_ROLES = {"truth": "truth", "reference": "reference", "answer": "this artifact"}


@dataclass(frozen=True)
class RecordedExamples:
    """The examples of a section of a page.

    Attributes:
        parts: the examples of outputs.
        pictures: pictures of inputs by artifact and sample, as data URIs.
        missing: why something is not shown, one line each.
    """

    parts: list[ExamplePart] = field(default_factory=list)
    pictures: dict[tuple[str, int], str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def read_examples(
    run: RecordedRun, rows: Sequence[ArtifactResult], listed: Mapping[str, Sequence[int]]
) -> RecordedExamples:
    """Read the examples of artifacts.

    Of those whose answers all agree, one is shown.

    Args:
        run: the recorded run.
        rows: the artifacts.
        listed: samples whose input pictures are wanted too, by artifact.
    """
    recorded = latest(ExamplesTaken, run.events)
    events = [(row, recorded[row.artifact]) for row in rows if row.artifact in recorded]
    if not events:
        return RecordedExamples()
    pictures = Pictures()
    parts: list[ExamplePart] = []
    shown: dict[tuple[str, int], str] = {}
    missing: list[str] = []
    agreeing = _agreeing([event for _, event in events])
    for row, event in events:
        drawn = _DrawnExamples(run, event, row.classes, pictures)
        try:
            for output in event.outputs:
                others = agreeing.get((output.kind, output.output), [])
                if output.differing or (others and others[0] == event.artifact):
                    parts.append(drawn.part(output, len(others) - 1))
            for sample in listed.get(event.artifact, ()):
                if (uri := drawn.input_picture(sample)) is not None:
                    shown[event.artifact, sample] = uri
        except ExamplesError as error:
            missing.append(f"{event.artifact}: its examples cannot be read ({error}).")
    if not any(event.pictures or event.outputs for _, event in events):
        return RecordedExamples(missing=missing)
    return RecordedExamples(parts[:_MOST_PARTS], shown, missing + pictures.missing)


def _agreeing(events: Sequence[ExamplesTaken]) -> dict[tuple[str, str], list[str]]:
    """The artifacts without a differing sample, by output, the largest difference first."""
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for event in events:
        for output in event.outputs:
            if not output.differing:
                largest = max((one.difference for one in output.examples), default=0.0)
                found.setdefault((output.kind, output.output), []).append(
                    (-largest, event.artifact)
                )
    return {key: [artifact for _, artifact in sorted(ones)] for key, ones in found.items()}


class _DrawnExamples:
    """Draws the examples of an artifact."""

    def __init__(
        self,
        run: RecordedRun,
        event: ExamplesTaken,
        classes: Sequence[str],
        pictures: Pictures,
    ) -> None:
        self._run, self._event, self._names, self._pictures = run, event, classes, pictures
        self._inputs: dict[int, str | None] = {}

    def part(self, output: OutputExamples, agree_too: int) -> ExamplePart:
        """The examples of an output; `agree_too` is how many further artifacts agree as well."""
        draw: dict[str, Callable[[OutputExamples], ExamplePart]] = {
            "boxes": self._boxes,
            "classes": self._classes,
            "map": self._map,
            "numbers": self._numbers,
            "embeddings": self._embeddings,
            "tokens": self._tokens,
        }
        part = draw[output.kind](output)
        if output.differing:
            text = f"{output.differing:,} of {output.samples:,} samples differ"
            if len(part.cards) < output.differing and part.cards:
                text += "; those that differ most"
        else:
            text = "no sample differs; this one has the largest difference"
            if agree_too:
                others = (
                    "1 other artifact agrees"
                    if agree_too == 1
                    else (f"{agree_too} other artifacts agree")
                )
                text += f", and {others} too"
        note = f"; {output.note}" if output.note else ""
        return replace(part, text=f"{text}{note}.")

    def input_picture(self, sample: int) -> str | None:
        """The picture of an input, as a data URI."""
        if sample not in self._inputs:
            recorded = self._event.pictures.get(str(sample))
            self._inputs[sample] = (
                self._pictures.of_bytes(self._bytes(recorded)) if recorded else None
            )
        return self._inputs[sample]

    def _array(
        self, arrays: Mapping[str, ExampleArray], role: str, axes: int, dtype: str
    ) -> np.ndarray:
        if role not in arrays:
            raise ExamplesError(f"there is no '{role}'")
        array = read_array(self._run.folder, self._event.artifact, arrays[role])
        if array.ndim != axes or array.dtype != dtype:
            raise ExamplesError(f"'{role}' is {array.dtype} with {array.ndim} axes")
        return array

    def _map_of(self, arrays: Mapping[str, ExampleArray], role: str, dtype: str) -> np.ndarray:
        array = self._array(arrays, role, 2, dtype)
        if not array.size:
            raise ExamplesError(f"'{role}' is empty")
        return array

    def _bytes(self, recorded: ExampleArray) -> np.ndarray:
        array = read_array(self._run.folder, self._event.artifact, recorded)
        is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
        if array.dtype != np.uint8 or not is_picture or not array.size:
            raise ExamplesError(f"{list(array.shape)} of {array.dtype} is no picture")
        return array

    def _aspect(self, sample: int) -> float:
        """Width over height of the input picture of a sample."""
        recorded = self._event.pictures.get(str(sample))
        shape = recorded.shape if recorded else ()
        is_whole = len(shape) in (2, 3) and min(shape) > 0
        return min(8.0, max(0.125, shape[1] / shape[0])) if is_whole else 1.0

    def _input_figures(self, sample: int) -> list[Figure]:
        uri = self.input_picture(sample)
        if uri is None:
            return []
        return [Figure("input", f"input of sample {sample}", uri, self._aspect(sample))]

    def _boxes(self, output: OutputExamples) -> ExamplePart:
        cards = []
        for example in output.examples:
            sides = {
                title: self._array(example.arrays, role, 2, "float64")
                for role, title in _ROLES.items()
                if role in example.arrays
            }
            figures = box_figures(
                sides,
                self._names,
                self.input_picture(example.sample),
                self._aspect(example.sample),
                example.sample,
            )
            count = _count(example)
            text = (
                "all boxes agree"
                if not count
                else (
                    f"{count:,} {'box has' if count == 1 else 'boxes have'} no partner or differ"
                    f"{'s' if count == 1 else ''}"
                )
            )
            cards.append(Card(_title(example), text, [Row("", figures)]))
        return ExamplePart(self._event.artifact, output.output, "", cards, BOX_KEY)

    def _classes(self, output: OutputExamples) -> ExamplePart:
        cards, present = [], set()
        for example in output.examples:
            figures = self._input_figures(example.sample)
            for role, title in _ROLES.items():
                if role in example.arrays:
                    classes = self._map_of(example.arrays, role, "int32")
                    present |= set(map(int, np.unique(classes)))
                    figures.append(
                        self._figure(
                            example, title, classes.shape, self._pictures.of_classes(classes)
                        )
                    )
            differ = self._map_of(example.arrays, "difference", "uint8")
            figures.append(
                self._figure(
                    example, "difference", differ.shape, self._pictures.of_differences(differ)
                )
            )
            text = f"{_count(example):,} places have another class"
            cards.append(Card(_title(example), text, [Row("", figures)]))
        key = [
            KeyEntry(self._class_name(number), css_colour(number))
            for number in sorted(present)[:_MOST_KEYS]
        ]
        if len(present) > _MOST_KEYS:
            key.append(KeyEntry(f"and {len(present) - _MOST_KEYS} more classes"))
        return ExamplePart(self._event.artifact, output.output, "", cards, key)

    def _map(self, output: OutputExamples) -> ExamplePart:
        cards = []
        for example in output.examples:
            figures = self._input_figures(example.sample)
            for role, title in (*_ROLES.items(), ("difference", "difference")):
                recorded = example.arrays.get(role)
                if recorded is not None:
                    pixels = self._bytes(recorded)
                    scale = f"{title}, {recorded.low:.3g} to {recorded.high:.3g}"
                    figures.append(
                        self._figure(example, scale, pixels.shape, self._pictures.of_bytes(pixels))
                    )
            text = f"values differ by up to {example.difference:.3g}"
            cards.append(Card(_title(example), text, [Row("", figures)]))
        return ExamplePart(self._event.artifact, output.output, "", cards)

    def _figure(
        self, example: Example, caption: str, shape: tuple[int, ...], uri: str | None
    ) -> Figure:
        aspect = min(8.0, max(0.125, shape[1] / max(1, shape[0])))
        return Figure(caption, f"{caption}, sample {example.sample}", uri, aspect)

    def _numbers(self, output: OutputExamples) -> ExamplePart:
        cards = []
        for example in output.examples:
            numbers = self._array(example.arrays, "numbers", 2, "float64")
            if len(numbers) != 4:
                raise ExamplesError("'numbers' are not as they should be")
            lines = [
                (f"{target:.0f}", _number(theirs), _number(mine), _number(true))
                for target, theirs, mine, true in numbers.T.tolist()
            ]
            text = f"differs by up to {example.difference:.3g}"
            rows = [Row("", self._input_figures(example.sample))]
            cards.append(Card(_title(example), text, rows, lines))
        scatter = None
        if "points" in output.arrays:
            points = self._array(output.arrays, "points", 2, "float64")
            scatter = _scatter(points, [example.sample for example in output.examples])
        return ExamplePart(self._event.artifact, output.output, "", cards, scatter=scatter)

    def _embeddings(self, output: OutputExamples) -> ExamplePart:
        cards = []
        for example in output.examples:
            neighbours = self._array(example.arrays, "neighbours", 2, "int32")
            belong = self._array(example.arrays, "belong", 2, "int32")
            if len(neighbours) != 2 or belong.shape != neighbours.shape:
                raise ExamplesError("'neighbours' are not as they should be")
            rows = []
            if figures := self._input_figures(example.sample):
                rows.append(Row("", figures))
            for side, title in enumerate(("nearest by the reference", "nearest by this artifact")):
                other = {*neighbours[1 - side].tolist()}
                rows.append(
                    Row(
                        title,
                        [
                            self._neighbour(int(number), int(told), int(number) not in other)
                            for number, told in zip(neighbours[side], belong[side], strict=True)
                        ],
                    )
                )
            text = f"cosine with the reference's: {1 - example.difference:.6g}"
            cards.append(Card(_title(example), text, rows))
        return ExamplePart(self._event.artifact, output.output, "", cards)

    def _neighbour(self, number: int, belongs: int, is_other: bool) -> Figure:
        told = {1: ": belongs to it", 0: ": does not"}.get(belongs, "")
        caption = f"{number:,}{told}"
        uri = self.input_picture(number)
        return Figure(caption, f"sample {number}{told}", uri, self._aspect(number), marked=is_other)

    def _tokens(self, output: OutputExamples) -> ExamplePart:
        cards = []
        for example in output.examples:
            tokens = self._array(example.arrays, "tokens", 2, "int32")
            places = self._array(example.arrays, "places", 1, "int32")
            if len(tokens) != 4 or len(places) != 2:
                raise ExamplesError("'tokens' are not as they should be")
            begin, first = map(int, places)
            theirs, mine, true, counted = tokens.tolist()
            marked = [
                bool(counts) and a != b for counts, a, b in zip(counted, theirs, mine, strict=True)
            ]
            rows = [
                Row("reference", tokens=_sequence(theirs, marked)),
                Row("this artifact", tokens=_sequence(mine, marked)),
                Row("truth", tokens=_sequence(true, [False] * len(true))),
            ]
            text = "all tokens are equal"
            if first >= 0:
                text = f"{_count(example):,} other tokens, the first at place {first:,}"
                if begin:
                    text += f"; shown from place {begin:,} on"
            cards.append(Card(_title(example), text, rows))
        return ExamplePart(self._event.artifact, output.output, "", cards)

    def _class_name(self, number: int) -> str:
        if number < 0 or number == 255:
            return "no class"
        return self._names[number] if number < len(self._names) else f"class {number}"


def _title(example: Example) -> str:
    return f"sample {example.sample:,}"


def _count(example: Example) -> int:
    """What differs, where that is counted."""
    if not np.isfinite(example.difference):
        raise ExamplesError(f"{example.difference} is no number of differences")
    return int(example.difference)


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _sequence(tokens: Sequence[int], marked: Sequence[bool]) -> list[tuple[str, bool]]:
    return [
        (str(token) if token >= 0 else "·", mark)
        for token, mark in zip(tokens, marked, strict=True)
    ]


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
