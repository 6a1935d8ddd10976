"""The examples of a page: samples in which artifacts differ most, beside the reference's answer.

All comes from the records and from small files beside them, which may be a stranger's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..examples.arrays import ExamplesError
from ..records.events import latest
from ..records.example_events import ExamplesTaken, OutputExamples
from ..results.recorded_run import RecordedRun
from ..results.summary import ArtifactResult
from .artifact_examples import ArtifactExamples
from .example_boxes import box_part
from .example_embeddings import embedding_part
from .example_figures import ExamplePart
from .example_maps import class_part, map_part
from .example_numbers import number_part
from .example_tokens import token_part
from .png import Pictures

# Outputs of artifacts that are shown.
_MOST_PARTS = 24
# By the kind of the examples.
_PARTS: Mapping[str, Callable[[ArtifactExamples, OutputExamples], ExamplePart]] = {
    "boxes": box_part,
    "classes": class_part,
    "map": map_part,
    "numbers": number_part,
    "embeddings": embedding_part,
    "tokens": token_part,
}


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
        of_artifact = ArtifactExamples(run, event, row.classes, pictures)
        try:
            for output in event.outputs:
                others = agreeing.get((output.kind, output.output), [])
                if output.differing or (others and others[0] == event.artifact):
                    parts.append(_part(of_artifact, output, len(others) - 1))
            for sample in listed.get(event.artifact, ()):
                if (uri := of_artifact.input_picture(sample)) is not None:
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


def _part(examples: ArtifactExamples, output: OutputExamples, agree_too: int) -> ExamplePart:
    """The examples of an output; `agree_too` is how many further artifacts agree as well."""
    part = _PARTS[output.kind](examples, output)
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
