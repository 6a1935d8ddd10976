"""Examples of sequences of tokens: where they differ first."""

from __future__ import annotations

import numpy as np

from ..metrics.task import LABELS, Values, highest
from ..records.example_events import Example, OutputExamples
from ..tensors.ragged import SampleValues
from .arrays import ArrayWriter
from .compared import ComparedOutputs, chosen

# Places that are shown before the first difference, and from there on.
_BEFORE, _BEHIND = 8, 16
# In place of a token where a sequence has ended.
_NONE = -1


def token_examples(
    compared: ComparedOutputs, sides: tuple[Values, Values], truth: Values, writer: ArrayWriter
) -> OutputExamples | None:
    """Choose the sequences with the most other tokens, at the places that a token is asked for.

    Arrays of an example (int32): `tokens`, 4 x up to 24: the reference's, the artifact's and the
    right token of successive places (negative: there is none), and 1 where they count, 0 where no
    token is asked for; `places`: the first of these, and the first that differs (-1 if none does).

    Args:
        compared: the outputs, with the roles of the task.
        sides: outputs of the artifact and of the reference by samples.
        truth: the truth by samples.
        writer: writes the arrays.
    """
    name, labels = compared.roles.get("tokens", ""), truth.get(LABELS)
    if any(name not in side for side in sides) or labels is None:
        return None
    outputs, expected = (side[name] for side in sides)
    samples = len(expected)
    if not samples or len(outputs) != samples or len(labels) != samples:
        return None
    others = np.array(
        [_differ(_sample(outputs, expected, labels, at)).sum() for at in range(samples)]
    )
    largest = compared.largest(name)[0] if name in compared.expected else np.zeros(samples)
    examples = []
    for sample in chosen(others > 0, others, largest):
        rows = _sample(outputs, expected, labels, sample)
        differing = np.flatnonzero(_differ(rows))
        first = int(differing[0]) if len(differing) else -1
        begin = max(0, first - _BEFORE)
        shown = rows[:, begin : max(first, 0) + _BEHIND]
        limits = np.iinfo(np.int32)
        arrays = {
            "tokens": writer.write(np.clip(shown, limits.min, limits.max).astype(np.int32)),
            "places": writer.write(np.array([begin, first], np.int32)),
        }
        examples.append(Example(sample, float(others[sample]), arrays))
    return OutputExamples("tokens", name, samples, int((others > 0).sum()), tuple(examples))


def _sample(
    outputs: SampleValues, expected: SampleValues, labels: SampleValues, sample: int
) -> np.ndarray:
    """The tokens of a sample: the reference's, the artifact's, the right ones, and which count."""
    theirs, mine = (
        (highest(side[sample], 1) if side[sample].ndim == 2 else side[sample]).reshape(-1)
        for side in (expected, outputs)
    )
    true = labels[sample].reshape(-1)
    rows = np.full((4, max(len(theirs), len(mine), len(true))), _NONE, np.int64)
    rows[0, : len(theirs)], rows[1, : len(mine)], rows[2, : len(true)] = theirs, mine, true
    rows[3] = 1
    rows[3, : len(true)] = true >= 0
    return rows


def _differ(rows: np.ndarray) -> np.ndarray:
    differ: np.ndarray = (rows[0] != rows[1]) & (rows[3] > 0)
    return differ
