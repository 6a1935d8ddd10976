"""Preflight: run each artifact once, alone in a fresh process, for outputs and one-time costs."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Any

from ..artifacts.files import sha256_of
from ..errors import InputError
from ..inputs import random
from ..inputs.index_ranges import index_ranges
from ..inputs.random import UnderspecifiedSignatureError
from ..outcome import Failure, Outcome
from ..parity.checks import check_outputs
from ..parity.comparing import scores_of
from ..records.artifact_events import InputsDrawn
from ..system.nvml import Card
from ..tensors.outputs import without_rows
from ..tensors.signature import Signature
from ..worker import messages
from ..worker.client import WorkerProcess
from ..worker.responses import FootprintResponse
from ..workload import Workload
from .flop_count import flops_per_sample
from .gpu_memory import GpuMemory
from .placement import check_device
from .progress import ProgressReporter
from .run_context import RunContext
from .warm_up import WarmUp


class Preflight:
    """The preflight stage of a run."""

    def __init__(
        self, context: RunContext, card: Card | None, warm_up: WarmUp, progress: ProgressReporter
    ) -> None:
        self._context = context
        self._card = card
        self._warm_up = warm_up
        self._progress = progress

    def run(self) -> None:
        """Run the preflight of every artifact that has not had it yet."""
        context = self._context
        waiting = [label for label in context.active() if not context.has_preflight(label)]
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
                if not context.store.of_type(InputsDrawn):
                    raise Failure(Outcome.BAD_INPUT, reason)
                self._run(label)

    def _run(self, label: str) -> None:
        """Measure one-time costs, and save the outputs, in order, in a fresh process.

        Only steps after the outputs may change a state that the model keeps.
        """
        context = self._context
        shutil.rmtree(context.folder(label), ignore_errors=True)  # from an interrupted preflight
        memory = GpuMemory(self._card)
        with context.worker(label, "preflight") as worker:
            record: dict[str, Any] = {"start": worker.start(), "pid": worker.pid}
            record["load"] = worker.ask(messages.Load())
            memory.look(worker)
            if context.plan.random and not context.store.of_type(InputsDrawn):
                self._draw_inputs(label, Signature.from_dict(record["load"]["signature"]))
            record["inputs"] = worker.ask(context.inputs_of(label))
            try:
                record |= self._first_calls(label, worker, memory, record["inputs"]["only_batch"])
            except Failure as failed:
                self._check_indices(label, failed)
                raise
        artifact = context.artifacts[label]
        if artifact.format == "onnx":
            inputs = record["load"]["signature"]["inputs"]
            record["flops_per_sample"] = context.informative(
                "the number of operations",
                lambda: flops_per_sample(artifact.payload, inputs),
                None,
                label,
            )
        self._check_outputs(label, record["predict"]["samples"])
        context.store.add("preflight", artifact=label, elapsed_s=context.elapsed_s(), **record)

    def _check_indices(self, label: str, failed: Failure) -> None:
        """Name the made-up inputs that may have been beyond a table of the artifact.

        Raises:
            Failure: there are some.
        """
        if failed.index_limit is None or not self._context.plan.random:
            return
        ranges = index_ranges(self._context.inputs[label], failed.index_limit)
        if ranges:
            raise Failure(
                Outcome.BAD_INPUT,
                f"made-up whole numbers are beyond a table of it; give the ranges that its tables "
                f"have, as --range {' '.join(ranges)}; the runtime said: {failed.reason}",
            ) from None

    def _first_calls(
        self, label: str, worker: WorkerProcess, memory: GpuMemory, only_batch: int | None
    ) -> dict[str, Any]:
        """Run the steps from the first call on.

        Args:
            label: label of the artifact.
            worker: worker that has read its inputs.
            memory: memory use on the card, read between the calls.
            only_batch: the only batch size that the inputs allow; None if they allow any.
        """
        context, device = self._context, self._context.plan.device
        batch = only_batch or context.protocol.batch
        record: dict[str, Any] = {"first_call": worker.ask(messages.FirstCall(batch=batch))}
        check_device(record["first_call"]["placement"], device)
        memory.look(worker)
        folder = str(context.folder(label).resolve())
        record["predict"] = worker.ask(messages.Predict(batch=batch, outputs=folder))
        check_device(record["predict"]["placement"], device)
        memory.look(worker)
        record["repeat"] = worker.ask(messages.Repeat())
        if not only_batch:
            record["batch_probe"] = worker.ask(messages.BatchProbe(batch=batch))
        record["check"] = worker.ask(messages.Check(batch=batch))
        if record["check"]["unfinished"]:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"returns before it is finished: {record['check']['unfinished']}",
            )
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
            record |= self._sweep(worker, memory)
        return record

    def _sweep(self, worker: WorkerProcess, memory: GpuMemory) -> dict[str, Any]:
        """Time growing batches, as the last step: a batch that is too large may end the process."""
        limit_s = self._context.protocol.warm_up_limit_s
        patience_s = self._context.plan.timeout_s / 2
        try:
            sweep = worker.ask(messages.Sweep(limit_s=limit_s, patience_s=patience_s))
            memory.look(worker)
            held = memory.record(worker).values()
        except Failure as failure:
            return {"sweep": {"samples_per_s": {}, "ended": failure.reason, "no_memory": None}}
        return {"sweep": sweep, "gpu_swept_bytes": max(filter(None, held), default=None)}

    def _draw_inputs(self, label: str, signature: Signature) -> None:
        """Draw the random inputs of the run from the first signature that is complete enough."""
        context = self._context
        assert context.plan.random
        manifest = context.artifacts[label].manifest
        stated = asdict(manifest.signature) if manifest else None
        try:
            arrays, notes = random.generate(
                context.plan.random, signature, stated, context.plan.input_options, label
            )
        except UnderspecifiedSignatureError:
            raise
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        random.write(context.inputs[label], arrays)
        sha256 = sha256_of(context.inputs[label])
        context.store.add("random", artifact=label, notes=notes, sha256=sha256)

    def _check_outputs(self, label: str, samples: int) -> None:
        context = self._context
        outputs, labels = context.outputs(label), context.labels(label)
        classes = len(context.classes(label)) or None
        check_outputs(outputs, samples, classes, without_rows(context.folder(label)))
        scores = scores_of(outputs, classes)
        if labels is not None and scores and labels.max(initial=0) >= outputs[scores].shape[1]:
            raise Failure(
                Outcome.BAD_INPUT,
                f"{context.inputs[label]}: labels up to {labels.max()}, but the output has "
                f"only {outputs[scores].shape[1]} classes",
            )
