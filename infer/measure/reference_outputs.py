"""The outputs that artifacts are compared with, and what rounding and randomness do to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..outcome import Failure, Outcome
from ..parity.comparable_outputs import check_finite
from ..parity.comparing import largest_difference
from ..parity.rounding import beyond_bounds
from ..records.parity_events import AnchorMeasured
from ..tensors.chunks import value_chunks
from ..tensors.differences import finite
from ..tensors.outputs import Outputs
from ..worker import messages
from .randomness import random_changes
from .rounding import measured_rounding
from .run_context import RunContext
from .run_tolerances import tolerances_by_precision

# Name of the folder and the log of a run on the CPU.
_ANCHOR = "anchor"


@dataclass(frozen=True)
class ReferenceOutputs:
    """The outputs that the members of a group are compared with.

    Attributes:
        reference: label of the group's reference.
        outputs: outputs that all are compared with.
        rounding: by how much another number of threads changes them, by output.
        random: by how much outputs change that hold random numbers, by output.
        anchor: label of the artifact that gave these outputs on the CPU; None if they are those of
            the reference on the measured device.
    """

    reference: str
    outputs: Outputs
    rounding: Mapping[str, float | None]
    random: Mapping[str, float | None]
    anchor: str | None = None

    @property
    def source(self) -> str:
        """Label of the artifact that gave these outputs."""
        return self.anchor or self.reference

    @property
    def run(self) -> str:
        """Folder of these outputs among those of their artifact."""
        return _ANCHOR if self.anchor else ""

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.anchor} on the CPU" if self.anchor else self.reference


def reference_outputs(
    context: RunContext, reference: str, members: list[str], *, former: bool
) -> ReferenceOutputs:
    """Get the outputs that the members of a group are compared with.

    On a card these are the outputs of the reference on the CPU, or of another member if it cannot
    run there. Otherwise an error of the card's arithmetic, which all share, would not show.

    Args:
        context: context of the run.
        reference: label of the group's reference.
        members: labels of the group, including the reference.
        former: whether the reference is the former version of others, measured on the card.
    """
    device = context.plan.device
    if device != "cpu" and not former:
        for label in sorted(members, key=lambda label: label != reference):
            anchor = _anchor(context, label, reference)
            if anchor.failed is None:
                outputs = context.outputs.values(label, _ANCHOR)
                changes = _rounding_and_randomness(context, label, outputs, "cpu", _ANCHOR)
                return ReferenceOutputs(reference, outputs, *changes, label)
            if anchor.outcome == Outcome.HANG:  # the other formats would take too long as well
                break
    outputs = context.outputs.values(reference)
    if len(members) == 1:
        return ReferenceOutputs(reference, outputs, {}, random_changes(context, reference))
    return ReferenceOutputs(
        reference, outputs, *_rounding_and_randomness(context, reference, outputs, device)
    )


def is_finite(context: RunContext, label: str) -> bool:
    """Whether all outputs that preflight saved for an artifact are there, and finite."""
    try:
        outputs = context.outputs.values(label)
    except Failure:  # a resumed run may have lost them; it fails when it is compared
        return False
    return all(finite(part).all() for array in outputs.values() for (part,) in value_chunks(array))


def _rounding_and_randomness(
    context: RunContext, label: str, outputs: Outputs, device: str, run: str = ""
) -> tuple[Mapping[str, float | None], Mapping[str, float | None]]:
    """Measure what rounding and randomness do to the outputs of a reference.

    Random numbers are none of its rounding, whatever the number of threads.
    """
    random = random_changes(context, label, device)
    if random:
        return {}, random
    rounding = measured_rounding(context, label, outputs, device, run)
    limits = tolerances_by_precision(context, label, outputs)
    if not beyond_bounds(limits, rounding, outputs):
        return rounding, {}
    # Random numbers that are drawn while it is loaded do not change from call to call.
    random = random_changes(context, label, device, is_suspect=True)
    return ({}, random) if random else (rounding, {})


def _anchor(context: RunContext, label: str, reference: str) -> AnchorMeasured:
    """Run an artifact on the CPU, with the same inputs and batch, once a run; return the record."""
    known = context.store.latest(AnchorMeasured).get(label)
    if known is not None:
        return known
    try:
        answer = _run_on_cpu(context, label) | {"outcome": Outcome.OK, "failed": None}
    except Failure as failure:
        answer = {"outcome": failure.outcome, "failed": failure.reason}
    event = AnchorMeasured.from_values(artifact=label, reference=reference, **answer)
    context.store.add(event)
    return event


def _run_on_cpu(context: RunContext, label: str) -> dict[str, Any]:
    batch = context.batch_of(label)
    folder = context.outputs.emptied_folder(label, _ANCHOR)
    with context.ready_worker(label, _ANCHOR, device="cpu") as worker:
        answer = worker.ask(messages.Predict(batch=batch, outputs=str(folder.resolve())))
    if answer["placement"]["device"] != "cpu":
        raise Failure(Outcome.WRONG_DEVICE, f"ran on {answer['placement']['device']} there")
    outputs, on_card = context.outputs.values(label, _ANCHOR), context.outputs.values(label)
    if is_finite(context, label):
        check_finite(outputs, whole=context.outputs.whole(label, _ANCHOR))
    return {
        "seconds": answer["seconds"],
        "threads": context.plan.threads,
        "batch": batch,
        "samples": answer["samples"],
        "differences": {
            name: largest_difference(on_card.get(name), array) for name, array in outputs.items()
        },
    }
