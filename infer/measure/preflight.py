"""Preflight: run each artifact once, alone in a fresh process, for outputs and one-time costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ..codec import from_json
from ..inputs.random import UnderspecifiedSignatureError
from ..outcome import Failure, Outcome
from ..parity.comparable_outputs import check_classes
from ..parity.comparing import scores_of
from ..records.process_events import PreflightDone
from ..records.processes import BatchProbe
from ..system.folder_removal import remove_folder
from ..system.nvml import Card
from ..tensors.comparison_options import RowSet
from ..tensors.signature import Signature
from ..worker import messages
from ..worker.client import WorkerProcess
from ..worker.responses import BatchProbeResponse, FootprintResponse
from ..workload import Workload
from .failed_calls import CallFailure, batch_note, find_cause
from .flop_count import flops_per_sample
from .gpu_memory import GpuMemory
from .neighbours import may_repeat_samples
from .output_axes import write_sample_axes
from .placement import check_device
from .progress import ProgressReporter
from .random_inputs import RandomInputs
from .repeated_sets import REPEATED, may_be_reordered, repeated_sets
from .run_context import RunContext
from .warm_up import WarmUp


class ProbeFailure(Exception):  # noqa: N818 - it is handled before anybody sees it
    """The probe of the batch ended the process of an artifact whose outputs were saved before."""


class Preflight:
    """The preflight stage of a run."""

    def __init__(
        self, context: RunContext, card: Card | None, warm_up: WarmUp, progress: ProgressReporter
    ) -> None:
        self._context = context
        self._card = card
        self._warm_up = warm_up
        self._random_inputs = RandomInputs(context)
        self._progress = progress

    def run(self) -> None:
        """Run the preflight of every artifact that has not had it yet."""
        context = self._context
        waiting = self._random_inputs.ordered(
            [label for label in context.active() if not context.has_preflight(label)]
        )
        underspecified: dict[str, str] = {}
        for number, label in enumerate(waiting, 1):
            self._progress.preflight(number, len(waiting), label)
            with context.outcome_of(label):
                try:
                    self._run(label)
                except UnderspecifiedSignatureError as error:
                    underspecified[label] = str(error)  # another artifact's signature may suffice
        for label, reason in underspecified.items():
            with context.outcome_of(label):
                if self._random_inputs.are_missing:
                    raise Failure(Outcome.BAD_INPUT, reason)
                self._run(label)

    def _run(self, label: str) -> None:
        """Measure an artifact; with another number of samples a call, if that is why it fails."""
        try:
            self._measure_with_probe(label)
        except CallFailure as call:
            find_cause(self._context, label, call.failure)
            self._measure_with_probe(label)

    def _measure_with_probe(self, label: str) -> None:
        """Measure an artifact; without the probe, if that ends its process.

        The probe calls with a number of samples that nobody asked for, which may be too much for
        a runtime, and is no failure of the artifact.
        """
        try:
            self._measure(label)
        except ProbeFailure as failure:
            self._measure(label, unprobed=str(failure))

    def _measure(self, label: str, unprobed: str | None = None) -> None:
        """Measure one-time costs, and save the outputs, in order, in a fresh process.

        Only steps after the outputs may change a state that the model keeps.

        Args:
            label: label of the artifact.
            unprobed: why there is no probe of the batch; None if there is to be one.
        """
        context = self._context
        remove_folder(context.outputs.folder(label))  # from an interrupted preflight
        memory = GpuMemory(self._card)
        with context.worker(label, "preflight") as worker:
            record: dict[str, Any] = {"start": worker.start(), "pid": worker.pid}
            record["load"] = worker.load()
            memory.look(worker)
            if self._random_inputs.are_missing:
                signature = Signature.from_dict(record["load"]["signature"])
                self._random_inputs.draw(label, signature)
            record["inputs"] = worker.ask(context.inputs_of(label))
            record["inputs"]["notes"] += batch_note(context, label)
            try:
                only_batch = record["inputs"]["only_batch"]
                samples = record["inputs"]["samples"]
                record |= self._first_calls(label, worker, memory, only_batch, samples, unprobed)
            except Failure as failure:
                raise CallFailure(failure) from None
        artifact = context.artifacts[label]
        if artifact.format == "onnx":
            inputs = record["inputs"]["inputs"]
            record["flops_per_sample"] = context.informative(
                "the number of operations",
                lambda: flops_per_sample(artifact.payload, inputs),
                None,
                label,
            )
        probe = record.get("batch_probe")
        write_sample_axes(
            context,
            label,
            context.outputs.folder(label),
            Signature.from_dict(record["load"]["signature"]),
            from_json(BatchProbe, probe) if probe else None,
        )
        differences = record["repeat"]["differences"]
        if may_be_reordered(context, differences):
            differences |= repeated_sets(context, label)
        self._check_outputs(label)
        context.store.add(
            PreflightDone.from_values(artifact=label, elapsed_s=context.elapsed_s(), **record)
        )

    def _first_calls(
        self,
        label: str,
        worker: WorkerProcess,
        memory: GpuMemory,
        only_batch: int | None,
        samples: int,
        unprobed: str | None,
    ) -> dict[str, Any]:
        """Run the steps from the first call on.

        Args:
            label: label of the artifact.
            worker: worker that has read its inputs.
            memory: memory use on the card, read between the calls.
            only_batch: the only batch size that the inputs allow; None if they allow any.
            samples: number of samples of the inputs.
            unprobed: why there is no probe of the batch; None if there is to be one.

        Raises:
            ProbeFailure: the probe ended the process.
            Failure: another step failed.
        """
        context, device = self._context, self._context.plan.device
        batch = only_batch or context.protocol.batch
        record: dict[str, Any] = {"first_call": worker.ask(messages.FirstCall(batch=batch))}
        check_device(record["first_call"]["placement"], device)
        memory.look(worker)
        folder = str(context.outputs.folder(label).resolve())
        began = time.monotonic()
        worker.on_samples = lambda done: self._progress.samples(
            done, samples, time.monotonic() - began
        )
        record["predict"] = worker.ask(messages.Predict(batch=batch, outputs=folder))
        check_device(record["predict"]["placement"], device)
        memory.look(worker)
        if not only_batch:
            probe = _probed(worker, batch, unprobed, context.plan.row_sets)
            record["batch_probe"] = probe
            if not may_repeat_samples(context, label, from_json(BatchProbe, probe)):
                record["most_samples"] = record["predict"]["samples"]
                batch = min(batch, record["most_samples"])
        record["repeat"] = worker.ask(messages.Repeat())
        if may_be_reordered(context, record["repeat"]["differences"]):
            folder = str(context.outputs.emptied_folder(label, REPEATED).resolve())
            worker.ask(messages.CallAgain(batch=batch, calls=2, outputs=folder))
        record["check"] = worker.ask(messages.Check(batch=batch))
        if record["check"]["unfinished"]:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"returns before it is finished: {record['check']['unfinished']}",
            )
        if device == "cuda":
            record["warm_up"] = self._warm_up.until_steady(worker, Workload(batch))
        memory.look(worker)
        record |= memory.record(worker)
        if device == "cuda":
            batches = [batch] if only_batch else [batch, 1]
            record["device_time"] = worker.ask(messages.DeviceTime(batches=batches))
        uncounted: FootprintResponse = {"bytes": None, "distributions": {}, "cuda": {}}
        record["footprint"] = context.informative(
            "the installed size", lambda: worker.ask(messages.Footprint()), uncounted, label
        )
        if "sweep" in context.protocol.scenarios and not only_batch:
            record |= self._sweep(worker, memory, record.get("most_samples"))
        return record

    def _sweep(
        self, worker: WorkerProcess, memory: GpuMemory, most_samples: int | None
    ) -> dict[str, Any]:
        """Time growing batches, as the last step: a batch that is too large may end the process."""
        limit_s = self._context.protocol.warm_up_limit_s
        patience_s = self._context.plan.timeout_s / 2
        try:
            sweep = worker.ask(messages.Sweep(limit_s, patience_s, most_samples))
            memory.look(worker)
            held = memory.record(worker).values()
        except Failure as failure:
            return {"sweep": {"samples_per_s": {}, "ended": failure.reason, "no_memory": None}}
        return {"sweep": sweep, "gpu_swept_bytes": max(filter(None, held), default=None)}

    def _check_outputs(self, label: str) -> None:
        context = self._context
        outputs, labels = context.outputs.with_samples(label), context.labels(label)
        classes = len(context.classes(label)) or None
        check_classes(outputs, classes)
        scores = scores_of(outputs, classes)
        if labels is None or labels.dtype.kind == "U" or not scores:
            return
        if labels.max(initial=0) >= outputs[scores].shape[1]:
            raise Failure(
                Outcome.BAD_INPUT,
                f"{context.inputs[label]}: labels up to {labels.max()}, but the output has "
                f"only {outputs[scores].shape[1]} classes",
            )


def _probed(
    worker: WorkerProcess, batch: int, unprobed: str | None, row_sets: Sequence[RowSet]
) -> BatchProbeResponse:
    """Ask for the probe of the batch, or give one that found nothing.

    Raises:
        ProbeFailure: the process ended.
    """
    if unprobed is not None:
        return {"samples": None, "permuted": False, "outputs": {}, "failed": unprobed}
    try:
        in_any_order = [name for row_set in row_sets for name in row_set.names]
        return worker.ask(messages.BatchProbe(batch=batch, in_any_order=in_any_order))
    except Failure as failure:
        raise ProbeFailure(failure.reason) from None
