"""The event of examples: the samples in which an artifact differs most, for reports to show."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..codec import Record
from .event import Event

# How an output is shown: boxes on a picture, the class of each place, a map of values, numbers
# beside numbers, the nearest neighbours of embeddings, or sequences of tokens.
ExampleKind = Literal["boxes", "classes", "map", "numbers", "embeddings", "tokens"]


class ExampleArray(Record, frozen=True, omit_defaults=True):
    """An array in a file of its own, in the folder of the artifact's examples.

    Attributes:
        file: number of the file.
        dtype, shape: of the array.
        low, high: of pictures of values, what 0 and 255 stand for.
    """

    file: int
    dtype: Literal["uint8", "int32", "float64"]
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 255.0


class Example(Record, frozen=True):
    """A sample, and both answers.

    Attributes:
        sample: its number.
        difference: how far the answers are apart, by which it was chosen.
        arrays: both answers and what else is shown, by role (`infer.examples`, a file for each
            kind of output).
        others: numbers of samples that are shown beside it, such as its neighbours.
    """

    sample: int
    difference: float
    arrays: dict[str, ExampleArray]
    others: tuple[int, ...] = ()


class OutputExamples(Record, frozen=True):
    """The examples of an output.

    Attributes:
        kind: how it is shown.
        output: its name, or the names of several that belong together.
        samples: number of all samples.
        differing: number of those that differ by more than they may, or have another class, token
            or row; if there are none, the example is the sample with the largest difference.
        note: how the values were understood, in words.
        arrays: of all samples, by role.
    """

    kind: ExampleKind
    output: str
    samples: int
    differing: int
    examples: tuple[Example, ...]
    note: str = ""
    arrays: dict[str, ExampleArray] = msgspec.field(default_factory=dict)


class ExamplesTaken(Event, frozen=True, tag="examples", kw_only=True):
    """The samples of an artifact that reports show, beside the reference's answers.

    Attributes:
        pictures: inputs that are pictures, by the number of the sample.
    """

    artifact: str
    reference: str
    outputs: tuple[OutputExamples, ...] = ()
    pictures: dict[str, ExampleArray] = msgspec.field(default_factory=dict)
