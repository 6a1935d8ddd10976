"""The outputs that examples are chosen from, and how samples are chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..metrics.task import TaskRequest
from ..parity.row_pairs import Partners
from ..parity.tolerance import Tolerance, odds_are_within
from ..tensors.chunks import sample_chunks
from ..tensors.comparison_options import RowSet
from ..tensors.differences import differences

# Samples of an output that are shown of an artifact.
MOST_EXAMPLES = 4


@dataclass(frozen=True)
class ComparedOutputs:
    """Outputs of an artifact beside the reference's.

    Attributes:
        outputs, expected: those whose samples can be told apart, N x anything, by name.
        partners: outputs with rows of samples, and which rows are partners.
        limits: tolerance by output.
        row_sets: outputs whose rows were compared as sets.
        absolute: outputs whose absolute values were compared.
        task: what the user says of the task, if anything.
        roles: its output of each role.
        truth: arrays of the truth, by name.
        input_shapes: the shapes of the inputs, with their samples; None if they are not known.
    """

    outputs: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]
    limits: Mapping[str, Tolerance]
    partners: Mapping[str, Partners] = field(default_factory=dict)
    row_sets: Sequence[RowSet] = ()
    absolute: Collection[str] = ()
    task: TaskRequest | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)
    input_shapes: Collection[tuple[int, ...]] | None = None

    def sides(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """An output of the artifact and of the reference."""
        return self.outputs[name], self.expected[name]

    def largest(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The largest difference of each sample, infinite for NaN, and whether one is beyond."""
        largest: list[np.ndarray] = [np.zeros(0)]
        beyond: list[np.ndarray] = [np.zeros(0, bool)]
        for a, b in sample_chunks(*self.sides(name)):
            apart, is_beyond = self.beyond_limit(name, a, b)
            largest.append(apart.max(axis=1, initial=0.0))
            beyond.append(np.asarray(is_beyond.any(axis=1)))
        return np.concatenate(largest), np.concatenate(beyond)

    def beyond_limit(
        self, name: str, a: np.ndarray, b: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The differences of values, infinite for NaN, and whether each is beyond the tolerance.

        Args:
            name: name of the output.
            a, b: some of its values on both sides, N x anything.

        Returns:
            N x values each.
        """
        limit = self.limits[name]
        apart = differences(a, b, absolute=name in self.absolute)
        apart = np.where(np.isnan(apart), np.inf, apart)
        beyond = apart > limit.value
        if limit.odds is not None and beyond.any():
            beyond &= ~odds_are_within(a, b, odds=limit.odds)
        rows = len(a), int(np.prod(a.shape[1:]))
        return apart.reshape(rows), beyond.reshape(rows)


def chosen(differing: np.ndarray, *largest: np.ndarray) -> list[int]:
    """The samples to show: those that differ most, or the one with the largest difference.

    Args:
        differing: which samples differ, bool N.
        largest: how far each is apart; further ones decide between equal ones.
    """
    order = np.lexsort([-values for values in reversed(largest)])
    first = order[differing[order]][:MOST_EXAMPLES]
    return [int(sample) for sample in (first if len(first) else order[:1])]
