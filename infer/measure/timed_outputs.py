"""Check that timed calls return the same outputs as preflight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..outcome import Failure, Outcome
from ..parity.comparable_outputs import check_finite
from ..parity.comparing import compare, largest_difference
from ..parity.row_pairs import RowPair, row_pair
from ..parity.set_order import in_set_order
from ..records.parity_events import ParityJudged
from ..tensors.output_files import read_saved
from ..tensors.outputs import CallSamples, Outputs, SavedOutput, in_a_row
from .run_context import RunContext
from .run_tolerances import sets_of, tolerances_between, tolerances_by_precision


def timed_differences(
    context: RunContext, label: str, rows: list[int], folder: Path
) -> dict[str, Any]:
    """Compute how a timed call's outputs differ from those of preflight, for `BurstTimed`.

    `difference` is None if they need not be equal: the model keeps a state, or preflight had no
    such call of outputs whose samples cannot be told apart. What differs in a call with other
    neighbours is no failure, unless the reference, which does not depend on them, gives something
    else too.

    Args:
        context: context of the run.
        label: label of the artifact.
        rows: numbers of the samples of the timed call.
        folder: folder of its outputs.

    Raises:
        Failure: the outputs differ from those that parity was judged by.
    """
    parity = context.store.latest(ParityJudged).get(label)
    repeats = parity is None or parity.repeats
    if context.preflight(label).inputs.has_state_bindings or not repeats:
        return {"difference": None}
    try:
        timed, expected, row_pairs, is_call_of_preflight = _comparable(context, label, rows, folder)
    except (ValueError, LookupError) as error:
        raise Failure(
            Outcome.CRASH, f"the outputs of a timed call are not like those of preflight ({error})"
        ) from None
    if not timed:
        return {"difference": None}
    if sets := sets_of(context, timed):
        limits = tolerances_between(context, label, label, expected)
        timed, expected = in_set_order(
            timed, expected, row_pairs, sets, limits, context.plan.absolute
        )
    if is_call_of_preflight:
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


def _comparable(
    context: RunContext, label: str, rows: list[int], folder: Path
) -> tuple[Outputs, Outputs, dict[str, RowPair], bool]:
    """The outputs of a timed call, those of preflight, rows, and whether preflight had that call.

    Samples are compared with the same samples of any call, what has none with the same call.
    """
    timed: Outputs = {}
    expected: Outputs = {}
    row_pairs: dict[str, RowPair] = {}
    is_call = False
    saved = context.outputs.saved(label, context.outputs.CHECKED)
    given = read_saved(folder, context.outputs.folder(label) / context.outputs.CHECKED)
    outputs = context.outputs.by_sample_columns(label, given)
    for name, output in context.outputs.compared(label, context.outputs.CHECKED).items():
        (part,), calls = given[name].parts, saved[name].calls
        same = [number for number, call in enumerate(calls) if list(call.rows) == rows]
        is_call |= bool(same)
        before: SavedOutput | None = None
        if outputs[name] is not given[name]:  # a list that was taken apart by samples
            numbers = {call.rows[0]: number for number, call in enumerate(output.calls)}
            before = output.of_calls([numbers[call.rows[0]] for call in outputs[name].calls])
            for values, side in ((timed, outputs[name]), (expected, before)):
                values[name] = in_a_row(side.parts)
                # The same rows in other samples are no equal outputs.
                values[f"{name}, rows of each sample"] = np.array(list(map(len, side.parts)))
        elif output.has_samples:
            timed[name] = outputs[name].array
            places = _places(calls)
            expected[name] = output.array[[places[row] for row in rows[: len(timed[name])]]]
        elif same:
            before = output.of_calls(same[:1])
            timed[name], expected[name] = part, before.parts[0]
        if before is not None and (pair := row_pair(outputs[name], before)) is not None:
            row_pairs[name] = pair
    return timed, expected, row_pairs, is_call


def _places(calls: Sequence[CallSamples]) -> dict[int, int]:
    """Where each sample is among those of some calls."""
    samples = [row for call in calls for row in call.rows[: call.samples]]
    return {row: place for place, row in enumerate(samples)}


def _check_against_reference(
    context: RunContext, label: str, dependent: Mapping[str, float | None], samples: int
) -> None:
    """Check that outputs are as near to the reference's with other neighbours.

    Raises:
        Failure: they are not, though the reference does not depend on neighbours.
    """
    judged = context.store.latest(ParityJudged)
    parity = judged.get(label)
    if parity is None or parity.reference == label or not parity.passed:
        return
    reference = judged.get(parity.anchor or parity.reference)
    if reference is None or reference.random or reference.by_neighbours:
        return
    # An output that the reference has under another name is allowed what the most tolerant is.
    most = max(output.tolerance for output in parity.by_output.values())
    for name, by in dependent.items():
        limit = parity.by_output[name].tolerance if name in parity.by_output else most
        if by is None or by > limit:
            size = "in shape, or is not finite" if by is None else f"by {by:.2g}"
            raise Failure(
                Outcome.PARITY_FAIL,
                f"'{name}' depends on the other samples of a call: in a call of {samples} it "
                f"changes {size}, more than the {limit:.2g} that it may differ from "
                f"{parity.reference}",
            )
