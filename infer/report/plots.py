"""Positions of the marks of a plot. Lengths are shares of the plot's width or height, in per cent.

Text and marks keep their size at any width of the page, since only their positions scale.
Artifacts are distinguished by shape and dashes as well as by colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..outcome import Outcome
from ..results import formatting
from ..results.short_labels import ShortLabels
from ..results.summary import ArtifactResult, Summary
from ..stats.ratios import CONFIDENCE, Direction, Ratio

SHAPES = ("circle", "square", "diamond", "triangle", "cross")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
_COLOURS = 8
# Classes of the page's style sheet.
_VERDICTS = {Direction.FASTER: "faster", Direction.SLOWER: "slower"}


@dataclass(frozen=True)
class Tick:
    """A value that is marked on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Whisker:
    """A ratio and its interval.

    Attributes:
        name: label of the artifact.
        at, low, high: positions; there is no interval if `low` is None.
        verdict: "faster", "slower", "reference" or "unsure", which the shape stands for.
        text: the figures, or what is wrong with it.
    """

    name: str
    at: float
    low: float | None
    high: float | None
    verdict: str
    text: str


@dataclass(frozen=True)
class DotPlot:
    """Ratios with their intervals on a logarithmic axis; `unity` is the position of 1."""

    title: str
    whiskers: list[Whisker]
    ticks: list[Tick]
    unity: float


@dataclass(frozen=True)
class Line:
    """A curve: positions from the left and from the top, and its style."""

    name: str
    points: list[tuple[float, float]]
    texts: list[str]
    colour: int
    shape: str
    dash: str


@dataclass(frozen=True)
class LinePlot:
    """Curves on logarithmic axes."""

    title: str
    x_title: str
    y_title: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def ratios(
    workload: str, rows: Sequence[ArtifactResult], summary: Summary, labels: ShortLabels
) -> DotPlot | None:
    """Plot the ratios of one workload; None if there is none to show."""
    shown: list[tuple[str, Ratio, str, str]] = []
    for row in rows:
        timing = row.timings.get(workload)
        if timing is None:
            continue
        if summary.speed_references.get(row.artifact) == row.artifact:
            same = Ratio(1.0, None, None, 0)
            shown.append((labels[row.artifact], same, "reference", "1 (reference)"))
        elif timing.ratio and row.outcome != Outcome.OK:
            # Its time is that of other answers.
            shown.append((labels[row.artifact], timing.ratio, "unsure", row.outcome))
        elif timing.ratio:
            text = formatting.interval(timing.ratio)
            shown.append((labels[row.artifact], timing.ratio, _verdict(timing.ratio), text))
    if all(verdict == "reference" for _, _, verdict, _ in shown):
        return None
    values = [v for _, r, *_ in shown for v in (r.value, r.low, r.high) if v]
    axis = _Axis(min(values), max(values))
    whiskers = [
        Whisker(
            name,
            axis.place(ratio.value),
            axis.place(ratio.low) if ratio.low else None,
            axis.place(ratio.high) if ratio.high else None,
            verdict,
            text,
        )
        for name, ratio, verdict, text in shown
    ]
    references = sorted(
        {labels[summary.speed_references[row.artifact]] for row in rows if workload in row.timings}
    )
    title = f"{workload}: time over that of {' or '.join(references)}, {CONFIDENCE:.0%} intervals"
    ticks = [Tick(axis.place(value), f"{value:g}") for value in axis.ticks()]
    return DotPlot(title, whiskers, ticks, axis.place(1.0))


def _verdict(ratio: Ratio) -> str:
    return _VERDICTS.get(ratio.direction, "unsure")


def curves(
    title: str,
    x_title: str,
    y_title: str,
    series: Mapping[str, Mapping[float, float]],
    x_texts: Mapping[float, str],
) -> LinePlot | None:
    """Plot curves through positive values; None if no curve has two.

    Args:
        title, x_title, y_title: titles of the plot and its axes.
        series: by name, the values by their position on the horizontal axis.
        x_texts: labels of these positions.
    """
    series = {name: values_by_x for name, values_by_x in series.items() if len(values_by_x) > 1}
    if not series:
        return None
    xs = sorted({x for values_by_x in series.values() for x in values_by_x})
    ys = [y for values_by_x in series.values() for y in values_by_x.values()]
    across, up = _Axis(xs[0], xs[-1]), _Axis(min(ys), max(ys))
    lines = [
        Line(
            name,
            [(across.place(x), 100 - up.place(values_by_x[x])) for x in sorted(values_by_x)],
            [
                f"{name}, {x_texts[x]}: {formatting.three_digits(values_by_x[x])}"
                for x in sorted(values_by_x)
            ],
            index % _COLOURS,
            SHAPES[index % len(SHAPES)],
            DASHES[index % len(DASHES)],
        )
        for index, (name, values_by_x) in enumerate(series.items())
    ]
    return LinePlot(
        title,
        x_title,
        y_title,
        lines,
        [Tick(across.place(x), x_texts[x]) for x in xs],
        [Tick(100 - up.place(y), f"{y:,.10g}") for y in up.ticks()],
    )


class _Axis:
    """A logarithmic axis with some room at both ends."""

    def __init__(self, low: float, high: float) -> None:
        room = max(math.log(high / low) * 0.06, 0.02)
        self._low, self._high = math.log(low) - room, math.log(high) + room

    def place(self, value: float) -> float:
        """Position of a value, in per cent from the low end."""
        return round(100 * (math.log(value) - self._low) / (self._high - self._low), 2)

    def ticks(self) -> list[float]:
        """Three to seven round values on the axis."""
        low, high = math.exp(self._low), math.exp(self._high)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
            values = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
            if len(values) >= 3:
                return values[:: -(-len(values) // 7)]
        step = 10.0 ** math.floor(math.log10(high - low))
        for part in (1, 0.5, 0.2, 0.1):
            width = step * part
            first, last = math.ceil(low / width), math.floor(high / width)
            if last - first >= 2:
                values = [round(width * i, 12) for i in range(first, last + 1)]
                return values[:: -(-len(values) // 7)]
        return [low, high]
