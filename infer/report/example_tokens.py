"""Examples of tokens: both sequences from shortly before the first difference on."""

from __future__ import annotations

from collections.abc import Sequence

from ..examples.arrays import ExamplesError
from ..records.example_events import OutputExamples
from .artifact_examples import ArtifactExamples, count_of, title_of
from .example_figures import Card, ExamplePart, Row


def token_part(examples: ArtifactExamples, output: OutputExamples) -> ExamplePart:
    """The sequences with the most other tokens.

    Raises:
        ExamplesError: an array is not as it should be.
    """
    cards = []
    for example in output.examples:
        tokens = examples.array(example.arrays, "tokens", 2, "int32")
        places = examples.array(example.arrays, "places", 1, "int32")
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
            text = f"{count_of(example):,} other tokens, the first at place {first:,}"
            if begin:
                text += f"; shown from place {begin:,} on"
        cards.append(Card(title_of(example), text, rows))
    return ExamplePart(examples.artifact, output.output, "", cards)


def _sequence(tokens: Sequence[int], marked: Sequence[bool]) -> list[tuple[str, bool]]:
    return [
        (str(token) if token >= 0 else "·", mark)
        for token, mark in zip(tokens, marked, strict=True)
    ]
