"""Examples of sequences of tokens: where they differ first."""

from __future__ import annotations

import numpy as np

from ..metrics.task import LABELS, highest
from ..records.example_events import Example, OutputExamples
from ..tensors.chunks import sample_chunks
from .arrays import ArrayWriter
from .compared import ComparedOutputs, chosen

# Places that are shown before the first difference, and from there on.
_BEFORE, _BEHIND = 8, 16


def token_examples(compared: ComparedOutputs, writer: ArrayWriter) -> OutputExamples | None:
    """Choose the sequences with the most other tokens, at the places that a token is asked for.

    Arrays of an example (int32): `tokens`, 3 x up to 24: the reference's, the artifact's and the
    right token of successive places (negative: none is asked for); `places`: the first of these,
    and the first that differs (-1 if none does).

    Args:
        compared: the outputs.
        writer: writes the arrays.
    """
    labels, name = compared.truth.get(LABELS), compared.roles.get("tokens", "")
    if labels is None or labels.ndim != 2 or not len(labels) or name not in compared.expected:
        return None
    outputs, expected = compared.sides(name)

    def tokens(array: np.ndarray) -> np.ndarray:
        return (highest(array, 2) if array.ndim == 3 else array).astype(np.int64)

    counts = [
        ((tokens(a) != tokens(b)) & (true >= 0)).sum(axis=1)
        for a, b, true in sample_chunks(outputs, expected, labels)
    ]
    others = np.concatenate(counts)
    largest, _ = compared.largest(name)
    examples = []
    for sample in chosen(others > 0, others, largest):
        place = slice(sample, sample + 1)
        true = labels[sample].astype(np.int64)
        theirs, mine = tokens(expected[place])[0], tokens(outputs[place])[0]
        differing = np.flatnonzero((mine != theirs) & (true >= 0))
        first = int(differing[0]) if len(differing) else -1
        begin = max(0, first - _BEFORE)
        shown = np.stack([row[begin : max(first, 0) + _BEHIND] for row in (theirs, mine, true)])
        limits = np.iinfo(np.int32)
        arrays = {
            "tokens": writer.write(np.clip(shown, limits.min, limits.max).astype(np.int32)),
            "places": writer.write(np.array([begin, first], np.int32)),
        }
        examples.append(Example(sample, float(others[sample]), arrays))
    return OutputExamples("tokens", name, len(others), int((others > 0).sum()), tuple(examples))
