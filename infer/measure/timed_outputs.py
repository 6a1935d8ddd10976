"""Check that timed calls return the same outputs as preflight."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..outcome import Failure, Outcome
from ..parity.checks import check_finite, check_outputs
from ..parity.comparing import compare, largest_difference, take
from ..records.parity_events import ParityJudged
from ..tensors.outputs import read_outputs, without_rows
from .run_context import RunContext
from .run_tolerances import tolerances_between, tolerances_by_precision, unrepeatable_outputs


def timed_differences(
    context: RunContext, label: str, rows: list[int], folder: Path
) -> dict[str, Any]:
    """Compute how a timed call's outputs differ from those of preflight, for `BurstTimed`.

    `difference` is None if they need not be equal: the model keeps a state, or outputs have no
    samples. What differs in a call with other neighbours is no failure, unless the reference,
    which does not depend on them, gives something else too.

    Args:
        context: context of the run.
        label: label of the artifact.
        rows: numbers of the samples of the timed call.
        folder: folder of its outputs.

    Raises:
        Failure: the outputs differ from those that parity was judged by.
    """
    if context.preflight(label).inputs.has_state_bindings or unrepeatable_outputs(context, label):
        return {"difference": None}
    first = context.folder(label)
    left_out = without_rows(folder) | without_rows(first) | {*context.plan.ignored}
    timed, expected = (
        {name: array for name, array in read_outputs(where).items() if name not in left_out}
        for where in (folder, first)
    )
    if not timed:
        return {"difference": None}
    expected = take(expected, rows)
    if _is_call_of_preflight(context, label, rows):
        check_outputs(timed, len(rows), None)
        check_finite(timed, expected)
        result = compare(timed, expected, tolerances_between(context, label, label, expected))
        if not result["passed"]:
            raise Failure(
                Outcome.PARITY_FAIL,
                "the outputs of a timed call differ from those of preflight by "
                f"{result['largest_difference']:.2g}",
            )
        return {"difference": float(result["largest_difference"])}
    differences = {
        name: largest_difference(timed.get(name), array) for name, array in expected.items()
    }
    limits = tolerances_by_precision(context, label, expected)
    dependent = {
        name: by for name, by in differences.items() if by is None or by > limits[name].value
    }
    _check_against_reference(context, label, dependent, len(rows))
    known = [by for by in differences.values() if by is not None]
    return {"difference": max(known, default=None), "by_neighbours": dependent}


def _is_call_of_preflight(context: RunContext, label: str, rows: list[int]) -> bool:
    """Whether preflight had a call with exactly these samples."""
    inputs = context.preflight(label).inputs
    batch = inputs.only_batch or context.protocol.batch
    first, total = rows[0], context.preflight(label).predict.samples
    return first % batch == 0 and rows == list(range(first, min(first + batch, total)))


def _check_against_reference(
    context: RunContext, label: str, dependent: Mapping[str, float | None], samples: int
) -> None:
    """Check that outputs are as near to the reference's with other neighbours.

    Raises:
        Failure: they are not, though the reference does not depend on neighbours.
    """
    judged = context.store.latest(ParityJudged)
    own = judged.get(label)
    if own is None or own.reference == label or not own.passed:
        return
    reference = judged.get(own.anchor or own.reference)
    if reference is None or reference.random or reference.by_neighbours:
        return
    # An output that the reference has under another name is allowed what the most tolerant is.
    most = max(one.tolerance for one in own.by_output.values())
    for name, by in dependent.items():
        limit = own.by_output[name].tolerance if name in own.by_output else most
        if by is not None and by > limit:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' depends on the other samples of a call: with {samples} of them it "
                f"changes by {by:.2g}, more than the {limit:.2g} that it may differ from "
                f"{own.reference}",
            )
