"""Examples of embeddings: the nearest samples on both sides."""

from __future__ import annotations

from ..examples.arrays import ExamplesError
from ..records.example_events import OutputExamples
from .artifact_examples import ArtifactExamples, title_of
from .example_figures import Card, ExamplePart, Figure, Row


def embedding_part(examples: ArtifactExamples, output: OutputExamples) -> ExamplePart:
    """The samples with the lowest cosine, with their neighbours on both sides.

    Raises:
        ExamplesError: an array is not as it should be.
    """
    cards = []
    for example in output.examples:
        neighbours = examples.array(example.arrays, "neighbours", 2, "int32")
        belong = examples.array(example.arrays, "belong", 2, "int32")
        if len(neighbours) != 2 or belong.shape != neighbours.shape:
            raise ExamplesError("'neighbours' are not as they should be")
        rows = []
        if figures := examples.input_figures(example.sample):
            rows.append(Row("", figures))
        for side, title in enumerate(("nearest by the reference", "nearest by this artifact")):
            other = {*neighbours[1 - side].tolist()}
            rows.append(
                Row(
                    title,
                    [
                        _neighbour(examples, int(number), int(told), int(number) not in other)
                        for number, told in zip(neighbours[side], belong[side], strict=True)
                    ],
                )
            )
        text = f"cosine with the reference's: {1 - example.difference:.6g}"
        cards.append(Card(title_of(example), text, rows))
    return ExamplePart(examples.artifact, output.output, "", cards)


def _neighbour(examples: ArtifactExamples, number: int, belongs: int, is_other: bool) -> Figure:
    told = {1: ": belongs to it", 0: ": does not"}.get(belongs, "")
    caption = f"{number:,}{told}"
    uri = examples.input_picture(number)
    return Figure(caption, f"sample {number}{told}", uri, examples.aspect(number), marked=is_other)
