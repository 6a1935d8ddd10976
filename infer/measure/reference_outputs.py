"""The outputs that artifacts are compared with, and their noise."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..outcome import Failure, Outcome
from ..parity.checks import check_finite, check_outputs
from ..parity.comparing import largest_difference
from ..records.parity_events import AnchorMeasured, NoiseMeasured
from ..tensors.differences import finite
from ..tensors.outputs import Outputs, read_outputs, without_rows
from ..worker import messages
from .run_context import RunContext
from .run_tolerances import unrepeatable_outputs

# Name of the folder and the log of a run on the CPU.
_ANCHOR = "anchor"


@dataclass(frozen=True)
class ReferenceOutputs:
    """The outputs that the members of a group are compared with.

    Attributes:
        reference: label of the group's reference.
        outputs: outputs that all are compared with.
        noise: differences between runs of their artifact with another setup, by output.
        anchor: label of the artifact that gave these outputs on the CPU; None if they are those of
            the reference on the measured device.
    """

    reference: str
    outputs: Outputs
    noise: Mapping[str, float]
    anchor: str | None = None

    @property
    def source(self) -> str:
        """Label of the artifact that gave these outputs."""
        return self.anchor or self.reference

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
                outputs = context.outputs(label, _ANCHOR)
                return ReferenceOutputs(
                    reference, outputs, _noise(context, label, outputs, "cpu"), label
                )
            if anchor.outcome == Outcome.HANG:  # the other formats would take too long as well
                break
    outputs = context.outputs(reference)
    noise = _noise(context, reference, outputs, device) if len(members) > 1 else {}
    return ReferenceOutputs(reference, outputs, noise)


def is_finite(context: RunContext, label: str) -> bool:
    """Whether all outputs that preflight saved for an artifact are finite."""
    return all(finite(array).all() for array in context.outputs(label).values())


def _anchor(context: RunContext, label: str, reference: str) -> AnchorMeasured:
    """Run an artifact on the CPU, with the same inputs and batch, once a run; return the record."""
    known = context.store.latest(AnchorMeasured).get(label)
    if known is not None:
        return known
    try:
        answer = _run_on_cpu(context, label) | {"outcome": Outcome.OK, "failed": None}
    except Failure as failure:
        answer = {"outcome": failure.outcome, "failed": failure.reason}
    context.store.add("anchor", artifact=label, reference=reference, **answer)
    return context.store.latest(AnchorMeasured)[label]


def _run_on_cpu(context: RunContext, label: str) -> dict[str, Any]:
    batch = context.preflight(label).inputs.only_batch or context.protocol.batch
    folder = _emptied(context, label, _ANCHOR)
    with context.worker(label, _ANCHOR, device="cpu") as worker:
        worker.start()
        worker.ask(messages.Load())
        worker.ask(context.inputs_of(label))
        answer = worker.ask(messages.Predict(batch=batch, outputs=str(folder.resolve())))
    if answer["placement"]["device"] != "cpu":
        raise Failure(Outcome.WRONG_DEVICE, f"ran on {answer['placement']['device']} there")
    outputs, on_card = context.outputs(label, _ANCHOR), context.outputs(label)
    check_outputs(outputs, answer["samples"], None, without_rows(folder))
    if is_finite(context, label):
        check_finite(outputs)
    return {
        "seconds": answer["seconds"],
        "threads": context.plan.threads,
        "batch": batch,
        "samples": answer["samples"],
        "differences": {
            name: largest_difference(on_card.get(name), array) for name, array in outputs.items()
        },
    }


def _noise(context: RunContext, label: str, expected: Outputs, device: str) -> dict[str, float]:
    """Measure an artifact's noise: run it with another setup, in a fresh process, and compare.

    With fewer samples a call and one thread, the same sums are added in another order. The noise is
    measured once a run, and not if the user gives a tolerance.

    Args:
        context: context of the run.
        label: label of the artifact that others are compared with.
        expected: its outputs on the device.
        device: device to run it on again.
    """
    if context.plan.tolerance is not None:
        return {}
    known = context.store.latest(NoiseMeasured).get(label)
    if known is None:
        try:
            answer = _run_otherwise(context, label, expected, device)
        except Failure as failure:
            answer = {"differences": {}, "failed": failure.reason}
        context.store.add("noise", artifact=label, device=device, **answer)
        known = context.store.latest(NoiseMeasured)[label]
    return {k: v for k, v in known.differences.items() if v is not None}


def _run_otherwise(
    context: RunContext, label: str, expected: Outputs, device: str
) -> dict[str, Any]:
    preflight = context.preflight(label)
    only_batch, samples = preflight.inputs.only_batch, preflight.predict.samples
    batch = only_batch or min(context.protocol.batch, samples)
    # For a model with state, calls of another size would be another sequence.
    split = batch if only_batch or unrepeatable_outputs(context, label) else max(1, batch // 2)
    count = samples if only_batch else min(samples, 4 * batch)
    folder = _emptied(context, label, "noise")
    with context.worker(label, "noise", threads=1, device=device) as worker:
        worker.start()
        worker.ask(messages.Load())
        worker.ask(context.inputs_of(label))
        worker.ask(messages.Predict(batch=split, outputs=str(folder.resolve()), samples=count))
    again = read_outputs(folder)
    uneven = without_rows(folder) | without_rows(context.folder(label))
    differences: dict[str, float | None] = {}
    for name, array in expected.items():
        if name in uneven and (split != batch or count != samples):
            continue
        first = array if name in uneven else array[:count]
        differences[name] = largest_difference(again.get(name), first)
    return {"differences": differences, "batch": split, "threads": 1, "samples": count}


def _emptied(context: RunContext, label: str, name: str) -> Path:
    folder = context.folder(label) / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
