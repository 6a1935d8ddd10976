"""Measure what rounding does to a reference: the same calls, with another number of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..outcome import Failure
from ..parity.comparing import largest_difference
from ..parity.set_order import differences_as_sets
from ..records.parity_events import RoundingMeasured
from ..tensors.comparison_options import RowSet
from ..tensors.outputs import Outputs
from ..worker import messages
from .run_context import RunContext
from .run_tolerances import sets_of, tolerances_by_precision

_BATCHES = 4


def measured_rounding(
    context: RunContext, label: str, expected: Outputs, device: str, run: str = ""
) -> Mapping[str, float | None]:
    """Measure the rounding of a reference, once a run: the largest difference by output.

    Sums are added in another order with another number of threads. The batches are the same, since
    other neighbours change some models by more than rounding.

    Args:
        context: context of the run.
        label: label of the artifact that others are compared with.
        expected: its outputs on the device.
        device: device to run it on again.
        run: folder of the expected outputs, if they are of another run than preflight.
    """
    known = context.store.latest(RoundingMeasured).get(label)
    if known is None:
        try:
            answer = _run_again(context, label, expected, device, run)
        except Failure as failure:
            answer = {"differences": {}, "failed": failure.reason}
        known = RoundingMeasured.from_values(artifact=label, device=device, **answer)
        context.store.add(known)
    return known.differences


def _run_again(
    context: RunContext, label: str, expected: Outputs, device: str, run: str
) -> dict[str, Any]:
    preflight = context.preflight(label)
    batch = context.batch_of(label)
    samples = preflight.predict.samples
    count = samples if preflight.inputs.only_batch else min(samples, _BATCHES * batch)
    threads = 1 if context.plan.threads > 1 else 2
    folder = context.outputs.emptied_folder(label, "rounding")
    with context.ready_worker(label, "rounding", threads=threads, device=device) as worker:
        worker.ask(messages.Predict(batch=batch, outputs=str(folder.resolve()), samples=count))
    again = context.outputs.values(label, "rounding")
    # The first calls are the same: their values are the first, by samples as well as by calls.
    differences = {
        name: largest_difference(
            again.get(name), array if count == samples else array[: len(again.get(name, ()))]
        )
        for name, array in expected.items()
    }
    if sets := sets_of(context, context.outputs.compared(label, "rounding")):
        differences |= _of_sets(context, label, expected, run, sets)
    return {"differences": differences, "batch": batch, "threads": threads, "samples": count}


def _of_sets(
    context: RunContext, label: str, expected: Outputs, run: str, sets: Sequence[RowSet]
) -> dict[str, float | None]:
    """The differences of outputs whose rows are compared as sets, whatever their order."""
    again = context.outputs.compared(label, "rounding")
    before = {
        name: output.of_calls(range(len(again[name].calls)))
        for name, output in context.outputs.compared(label, run).items()
        if name in again
    }
    limits = tolerances_by_precision(context, label, expected)
    return differences_as_sets(again, before, sets, limits, context.plan.absolute)
