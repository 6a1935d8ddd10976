"""What the examples of a page consist of: figures with boxes, numbers, plots, sequences."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Box:
    """A box on a picture, in per cent of its width and height.

    Attributes:
        state: "lone", "differs", "agrees" or "truth".
        text: class and score.
    """

    x: float
    y: float
    width: float
    height: float
    state: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A picture with a caption.

    Attributes:
        caption: what it is.
        alt: the same for who does not see it.
        picture: a data URI; None if there is no picture.
        aspect: width over height.
        boxes: boxes on it.
        frame: whether it is shown without a picture too, for its boxes.
        marked: whether it is to stand out.
    """

    caption: str
    alt: str
    picture: str | None
    aspect: float = 1.0
    boxes: list[Box] = field(default_factory=list)
    frame: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Row:
    """Figures or tokens side by side, with a title.

    Attributes:
        title: what they are.
        figures: figures.
        tokens: tokens, and whether each is to stand out.
    """

    title: str
    figures: list[Figure] = field(default_factory=list)
    tokens: list[tuple[str, bool]] = field(default_factory=list)


@dataclass(frozen=True)
class Card:
    """A sample.

    Attributes:
        title: which one.
        text: what differs, in words.
        rows: what is shown of it.
        numbers: lines of a table: the target, the reference's, the artifact's and the true value.
    """

    title: str
    text: str
    rows: list[Row] = field(default_factory=list)
    numbers: list[tuple[str, str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Point:
    """A sample in a plot, in per cent from the left and the top."""

    x: float
    y: float
    is_worst: bool
    text: str


@dataclass(frozen=True)
class Scatter:
    """The values of an artifact over the reference's.

    Attributes:
        points: the samples.
        low, high: limits of both axes, in words.
    """

    points: list[Point]
    low: str
    high: str


@dataclass(frozen=True)
class KeyEntry:
    """An entry of a key: the colour of a class, or the look of a box.

    Attributes:
        text: what it means.
        colour: as CSS has it; empty for a box.
        state: of a box, as `Box` has it; empty for a colour.
    """

    text: str
    colour: str = ""
    state: str = ""


@dataclass(frozen=True)
class ExamplePart:
    """The examples of an output of an artifact."""

    artifact: str
    output: str
    text: str
    cards: list[Card]
    key: list[KeyEntry] = field(default_factory=list)
    scatter: Scatter | None = None
