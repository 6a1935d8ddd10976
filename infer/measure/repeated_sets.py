"""Whether equal calls give the same rows in another order, where rows are compared as sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..parity.comparing import largest_difference
from ..parity.set_order import differences_as_sets
from ..parity.tolerance import tolerances
from ..tensors.comparison_options import RowSet
from ..tensors.output_files import read_call
from ..tensors.outputs import CallSamples, SavedOutput, SavedOutputs
from .run_context import RunContext
from .run_tolerances import sets_of

# Folder of the outputs of two equal calls.
REPEATED = "repeated"


def may_be_reordered(context: RunContext, changes: Mapping[str, float | None]) -> bool:
    """Whether outputs of a set changed between equal calls.

    Args:
        context: context of the run.
        changes: by how much each output changed, row by row.
    """
    sets = sets_of(context, changes)
    return any(changes[name] != 0 for row_set in sets for name in row_set.names)


def repeated_sets(context: RunContext, label: str) -> dict[str, float | None]:
    """Compute by how much the outputs of sets changed between two calls on the first batch.

    Sets whose rows came in the same order in both are left out: what changed elsewhere is no order.
    Outputs of a model that keeps a state may change with the call before, and these two share it.

    Args:
        context: context of the run.
        label: label of an artifact that preflight has called twice.
    """
    folder = context.outputs.folder(label) / REPEATED
    first, second = (_of_batch(context, label, folder / name) for name in ("first", "second"))
    arrays = {name: output.array for name, output in first.items()}
    sets = [row_set for row_set in sets_of(context, first) if _changed(row_set, first, second)]
    return differences_as_sets(second, first, sets, tolerances(arrays, []), context.plan.absolute)


def _changed(row_set: RowSet, first: SavedOutputs, second: SavedOutputs) -> bool:
    """Whether an output of a set changed, row by row."""
    return any(
        name not in second or largest_difference(second[name].array, first[name].array) != 0
        for name in row_set.names
    )


def _of_batch(context: RunContext, label: str, folder: Path) -> SavedOutputs:
    """The outputs of a call on the first batch, by samples where these can be told apart."""
    saved = context.outputs.saved(label)
    outputs = {}
    for name, array in read_call(folder).items():
        call, axis = saved[name].calls[0], saved[name].axis
        if axis is not None:  # it may be several calls of the runtime, joined
            call = CallSamples.from_range(0, array.shape[axis])
        outputs[name] = SavedOutput((call,), (array,), saved[name].sample_axis)
    return context.outputs.by_sample_columns(label, outputs)
