"""Outputs of one artifact in two calls, with the rows of sets beside their partners.

A detector may answer with the same rows in another order each time. That is no difference where its
rows are compared as sets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..outcome import Failure
from ..tensors.comparison_options import RowSet
from ..tensors.outputs import Outputs, SavedOutputs
from .comparing import largest_difference
from .row_pairs import PairedOutputs, RowPair, row_pair
from .set_pairs import pair_sets
from .tolerance import Tolerance


def in_set_order(
    outputs: Outputs,
    expected: Outputs,
    rows: Mapping[str, RowPair],
    row_sets: Sequence[RowSet],
    limits: Mapping[str, Tolerance],
    absolute: Collection[str] = (),
) -> tuple[Outputs, Outputs]:
    """Put the rows of each set beside their partners, where every row has one.

    Sets of which a row has none stay in their order, and so do those of which an output is missing.

    Args:
        outputs, expected: outputs of both calls.
        rows: outputs with rows of samples; others are samples x rows x anything.
        row_sets: the user's sets.
        limits: tolerance by output.
        absolute: outputs whose absolute values are compared.
    """
    for row_set in row_sets:
        if not {*row_set.names} <= outputs.keys() & expected.keys():
            continue
        one_set = PairedOutputs(
            {name: outputs[name] for name in row_set.names},
            {name: expected[name] for name in row_set.names},
            {},
        )
        try:
            paired = pair_sets(one_set, rows, [row_set], limits, absolute)
        except Failure:
            continue
        if not any(lone.outputs or lone.expected for lone in paired.lone.values()):
            outputs, expected = outputs | paired.outputs, expected | paired.expected
    return outputs, expected


def differences_as_sets(
    outputs: SavedOutputs,
    expected: SavedOutputs,
    row_sets: Sequence[RowSet],
    limits: Mapping[str, Tolerance],
    absolute: Collection[str] = (),
) -> dict[str, float | None]:
    """Compute by how much the outputs of sets differ between two passes over the same samples.

    Returns:
        The largest difference by output; None if a row has no partner. Only of outputs that are in
        a set of which both passes have all.
    """
    rows = {
        name: pair
        for name in outputs.keys() & expected.keys()
        if (pair := row_pair(outputs[name], expected[name])) is not None
    }
    arrays, beside = in_set_order(
        {name: output.array for name, output in outputs.items()},
        {name: output.array for name, output in expected.items()},
        rows,
        row_sets,
        limits,
        absolute,
    )
    names = [name for row_set in row_sets for name in row_set.names]
    return {
        name: largest_difference(arrays[name], beside[name])
        for name in names
        if name in arrays and name in beside
    }
