"""Examples of maps: the class or the value of each place, on both sides, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..records.example_events import OutputExamples
from .artifact_examples import ROLES, ArtifactExamples, count_of, figure, title_of
from .example_figures import Card, ExamplePart, KeyEntry, Row
from .png import css_colour

_MOST_KEYS = 24


def class_part(examples: ArtifactExamples, output: OutputExamples) -> ExamplePart:
    """The samples with the most places of another class.

    Raises:
        ExamplesError: an array is not as it should be.
    """
    cards, present = [], set()
    for example in output.examples:
        figures = examples.input_figures(example.sample)
        for role, title in ROLES.items():
            if role in example.arrays:
                classes = examples.map_of(example.arrays, role, "int32")
                present |= set(map(int, np.unique(classes)))
                figures.append(
                    figure(example, title, classes.shape, examples.pictures.of_classes(classes))
                )
        differ = examples.map_of(example.arrays, "difference", "uint8")
        figures.append(
            figure(example, "difference", differ.shape, examples.pictures.of_differences(differ))
        )
        text = f"{count_of(example):,} places have another class"
        cards.append(Card(title_of(example), text, [Row("", figures)]))
    key = [
        KeyEntry(_class_name(number, examples.names), css_colour(number))
        for number in sorted(present)[:_MOST_KEYS]
    ]
    if len(present) > _MOST_KEYS:
        key.append(KeyEntry(f"and {len(present) - _MOST_KEYS} more classes"))
    return ExamplePart(examples.artifact, output.output, "", cards, key)


def map_part(examples: ArtifactExamples, output: OutputExamples) -> ExamplePart:
    """The samples with the largest differences of values.

    Raises:
        ExamplesError: an array is not as it should be.
    """
    cards = []
    for example in output.examples:
        figures = examples.input_figures(example.sample)
        for role, title in (*ROLES.items(), ("difference", "difference")):
            recorded = example.arrays.get(role)
            if recorded is not None:
                pixels = examples.brightness(recorded)
                scale = f"{title}, {recorded.low:.3g} to {recorded.high:.3g}"
                figures.append(
                    figure(example, scale, pixels.shape, examples.pictures.of_bytes(pixels))
                )
        text = f"values differ by up to {example.difference:.3g}"
        cards.append(Card(title_of(example), text, [Row("", figures)]))
    return ExamplePart(examples.artifact, output.output, "", cards)


def _class_name(number: int, names: Sequence[str]) -> str:
    if number < 0 or number == 255:
        return "no class"
    return names[number] if number < len(names) else f"class {number}"
