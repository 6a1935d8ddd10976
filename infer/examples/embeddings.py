"""Examples of embeddings: those with the lowest cosine, and the nearest of others on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics.embeddings import cosines
from ..metrics.task import LABELS
from ..records.example_events import Example, OutputExamples
from ..tensors.chunks import sample_chunks
from .arrays import ArrayWriter
from .compared import ComparedOutputs, chosen

# Neighbours that are shown on each side.
NEIGHBOURS = 3


def embedding_examples(compared: ComparedOutputs, writer: ArrayWriter) -> OutputExamples | None:
    """Choose the samples with the lowest cosine; None if there are no other samples.

    With two outputs, the neighbours of a sample of the first are samples of the second.

    Arrays of an example: `neighbours` (int32), 2 x up to 3: the nearest samples, by the reference
    and by the artifact; `belong` of the same shape: 1 if the neighbour belongs to the sample, 0 if
    not, -1 if that is not known.

    Args:
        compared: the outputs.
        writer: writes the arrays.
    """
    names = [compared.roles[role] for role in ("embedding", "other") if role in compared.roles]
    if not names or not {*names} <= compared.expected.keys():
        return None
    samples = len(compared.expected[names[0]])
    if samples < 2:
        return None
    similar = np.mean([_cosines(compared, name) for name in names], axis=0)
    differs = np.any([compared.largest(name)[1] for name in names], axis=0)
    groups = _groups(compared, names, samples)
    examples = []
    for sample in chosen(differs, 1 - similar):
        both = [
            _nearest(side[names[0]][sample], side[names[-1]], sample if len(names) == 1 else None)
            for side in (compared.expected, compared.outputs)
        ]
        neighbours = np.stack(both).astype(np.int32)
        belong = np.full(neighbours.shape, -1, np.int32)
        if groups is not None:
            belong = (groups[neighbours] == groups[sample]).astype(np.int32)
        arrays = {"neighbours": writer.write(neighbours), "belong": writer.write(belong)}
        others = tuple(dict.fromkeys(map(int, neighbours.reshape(-1))))
        examples.append(Example(sample, float(1 - similar[sample]), arrays, others))
    return OutputExamples(
        "embeddings", ", ".join(names), samples, int(differs.sum()), tuple(examples)
    )


def _cosines(compared: ComparedOutputs, name: str) -> np.ndarray:
    parts = [cosines(a, b) for a, b in sample_chunks(*compared.sides(name))]
    similar: np.ndarray = np.nan_to_num(np.concatenate(parts), nan=-1.0)
    return similar


def _groups(compared: ComparedOutputs, names: Sequence[str], samples: int) -> np.ndarray | None:
    labels = compared.truth.get(LABELS)
    if labels is not None and labels.size == samples:
        return labels.reshape(-1)
    return np.arange(samples) if len(names) == 2 else None


def _nearest(query: np.ndarray, gallery: np.ndarray, but: int | None) -> np.ndarray:
    """The numbers of the nearest rows, by cosine.

    Args:
        query: an embedding.
        gallery: embeddings, N x dimensions.
        but: a row that does not count.
    """
    similar = np.concatenate(
        [cosines(np.broadcast_to(query, part.shape), part) for (part,) in sample_chunks(gallery)]
    )
    similar = np.nan_to_num(similar, nan=-2.0)
    if but is not None:
        similar[but] = -np.inf
    count = min(NEIGHBOURS, len(gallery) - (but is not None))
    nearest: np.ndarray = np.argsort(-similar, kind="stable")[:count]
    return nearest
