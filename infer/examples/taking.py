"""Take the examples of an artifact: by its task, or as its outputs allow it."""

from __future__ import annotations

from collections.abc import Iterable

from ..metrics.detection import DETECTION
from ..metrics.embeddings import EMBEDDINGS
from ..metrics.task import Values
from ..metrics.tokens import TOKENS
from ..records.example_events import ExampleArray, OutputExamples
from .arrays import ArrayWriter
from .boxes import box_examples, roles_of
from .compared import ComparedOutputs
from .detections import detection_examples
from .embeddings import embedding_examples
from .maps import map_examples
from .numbers import number_examples
from .pictures import InputPictures
from .tokens import token_examples

# Outputs that are shown of an artifact, and pictures of inputs.
_MOST_OUTPUTS, _MOST_PICTURES = 3, 40


def output_examples(
    compared: ComparedOutputs,
    sides: tuple[Values, Values],
    truth: Values,
    pictures: InputPictures | None,
    writer: ArrayWriter,
) -> list[OutputExamples]:
    """Choose and write the examples of an artifact's outputs.

    Args:
        compared: the outputs, value beside value.
        sides: the outputs of both by samples, some with another number of rows for each.
        truth: the truth by samples.
        pictures: the inputs, if they are pictures.
        writer: writes the arrays.

    Raises:
        OSError: they cannot be written.
    """
    request = compared.task
    task = request.name if request else None
    size = (pictures.height, pictures.width) if pictures else None
    if request is not None and task == DETECTION.name:
        found = detection_examples(compared, request, sides, truth, size, writer)
        if found is not None:
            return [found]
    taken: list[OutputExamples | None] = []
    for row_set in compared.row_sets:
        if (roles := roles_of(row_set, compared)) is not None:
            taken.append(box_examples(compared, row_set, roles, size, writer))
    if task == EMBEDDINGS.name:
        taken.append(embedding_examples(compared, writer))
    elif task == TOKENS.name:
        taken.append(token_examples(compared, sides, truth, writer))
    else:
        for name in compared.expected:
            if len([one for one in taken if one]) < _MOST_OUTPUTS:
                taken.append(
                    map_examples(compared, name, writer) or number_examples(compared, name, writer)
                )
    return [one for one in taken if one is not None][:_MOST_OUTPUTS]


def sample_pictures(
    outputs: Iterable[OutputExamples],
    further: Iterable[int],
    pictures: InputPictures,
    writer: ArrayWriter,
) -> dict[str, ExampleArray]:
    """Write the input pictures of samples.

    Args:
        outputs: the examples.
        further: numbers of further samples.
        pictures: the inputs.
        writer: writes the arrays.

    Returns:
        Those of the examples, of what is shown beside them, and of further samples, by number.

    Raises:
        OSError: they cannot be written.
    """
    examples = [example for output in outputs for example in output.examples]
    wanted = [example.sample for example in examples]
    wanted += [*further, *(other for example in examples for other in example.others)]
    samples = [sample for sample in dict.fromkeys(wanted) if sample < len(pictures.array)]
    return {
        str(sample): writer.write(pictures.picture(sample)) for sample in samples[:_MOST_PICTURES]
    }
