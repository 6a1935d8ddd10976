"""Check that timed calls return the same outputs as preflight."""

from __future__ import annotations

from pathlib import Path

from ..outcome import Failure, Outcome
from ..parity.checks import check_finite, check_outputs
from ..parity.comparing import compare, take
from ..tensors.outputs import read_outputs, without_rows
from .run_context import RunContext
from .run_tolerances import tolerances_between, unrepeatable_outputs


def timed_difference(
    context: RunContext, label: str, rows: list[int], folder: Path
) -> float | None:
    """Compute the largest difference of a timed call's outputs from those of preflight.

    None if they need not be equal: the model keeps a state, or outputs have no samples.

    Args:
        context: context of the run.
        label: label of the artifact.
        rows: numbers of the samples of the timed call.
        folder: folder of its outputs.

    Raises:
        Failure: the outputs differ from those that parity was judged by.
    """
    if context.preflight(label).inputs.has_state_bindings or unrepeatable_outputs(context, label):
        return None
    first = context.folder(label)
    left_out = without_rows(folder) | without_rows(first) | {*context.plan.ignored}
    timed, expected = (
        {name: array for name, array in read_outputs(where).items() if name not in left_out}
        for where in (folder, first)
    )
    if not timed:
        return None
    expected = take(expected, rows)
    check_outputs(timed, len(rows), None)
    check_finite(timed, expected)
    result = compare(timed, expected, tolerances_between(context, label, label, expected))
    if not result["passed"]:
        raise Failure(
            Outcome.PARITY_FAIL,
            "the outputs of a timed call differ from those of preflight by "
            f"{result['largest_difference']:.2g}",
        )
    return float(result["largest_difference"])
