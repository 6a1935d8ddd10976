"""The timing stage of a run: generation after generation, until the run ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..free_memory import available_bytes
from ..outcome import Failure, Outcome
from ..records.artifact_events import MeasuredApart
from ..records.process_events import BurstTimed, GenerationDone, PreflightDone, ProcessStarted
from ..results.queries import resolutions
from ..results.summarizing import summarize
from ..sandbox.artifact_reader import fingerprint
from ..system.card_sample import burst_summary
from ..system.nvml import Card
from ..worker import messages
from ..worker.client import WorkerProcess
from ..workload import Workload
from . import stopping
from .checked_calls import first_of_burst
from .generation import Generation, Turn
from .grouping import CARD_SHARE, HOST_SHARE, grouped, needs
from .progress import ProgressReporter
from .run_context import RunContext
from .timed_outputs import timed_differences
from .warm_up import WarmUp


class TimingStage:
    """Measures the artifacts that have passed preflight."""

    def __init__(
        self, context: RunContext, card: Card | None, warm_up: WarmUp, progress: ProgressReporter
    ) -> None:
        self._context = context
        self._card = card
        self._warm_up = warm_up
        self._progress = progress
        self._references: dict[str, str] = {}  # for speed, by label
        memory = card.memory() if card else None
        # Memory that was free when the run started.
        self._free = available_bytes()
        self._free_on_card = memory.free if memory else None

    def run(self) -> str:
        """Measure generation after generation; return why the run ended."""
        context = self._context
        while True:
            groups = self._groups()
            if not groups:
                return "no artifact was left to measure"
            seconds = context.generation_seconds()
            status = stopping.RunStatus(
                generations=len(seconds),
                elapsed_s=context.elapsed_s(),
                generation_s=max(seconds, default=0.0),
                compared=sum(len(group) - 1 for group in groups),
                resolutions=resolutions(context.store.events),
            )
            reason = stopping.stop_reason(context.plan.protocol, status)
            if reason:
                return reason
            begin = time.monotonic()
            resting = stopping.resting(context.plan.protocol, status)
            for reference, *others in groups:
                still_open = [label for label in others if label not in resting]
                if still_open or not others:
                    self._generation([reference, *still_open])
            context.store.add(
                GenerationDone(seconds=time.monotonic() - begin, elapsed_s=context.elapsed_s())
            )

    def _groups(self) -> list[list[str]]:
        """Divide the artifacts into groups that fit into memory, each with its reference.

        Only artifacts with the same reference are measured together.
        """
        context = self._context
        preflights = context.store.latest(PreflightDone)
        references = self._references = summarize(context.store.events).speed_references
        families: dict[str, list[str]] = {}
        for label in context.active():
            if label in preflights:
                families.setdefault(references[label], []).append(label)

        room = (self._free * HOST_SHARE, self._free_on_card and self._free_on_card * CARD_SHARE)
        need = {label: needs(preflight) for label, preflight in preflights.items()}
        apart = context.store.latest(MeasuredApart).keys()
        return [
            group
            for reference, labels in families.items()
            for group in grouped(
                labels, reference if reference in labels else labels[0], need, room, apart
            )
        ]

    def _generation(self, labels: list[str]) -> None:
        context = self._context
        index = context.next_generation()
        protocol, seed = context.protocol, context.plan.seed
        with Generation(index, protocol, seed=seed) as generation:
            for label in labels:
                self._progress.generation(f"starting {label}")
                try:
                    self._start(generation, label)
                except Exception as error:
                    self._fail_beside(len(labels), label, context.as_failure(error))
            for turn in generation.turns():
                try:
                    burst = self._burst(index, turn)
                except Exception as error:
                    generation.drop(turn.label)
                    self._fail_beside(len(labels), turn.label, context.as_failure(error))
                    continue
                context.store.add(
                    BurstTimed.from_values(
                        artifact=turn.label,
                        generation=index,
                        turn=turn.number,
                        workload=turn.workload,
                        **burst,
                    )
                )

    def _start(self, generation: Generation, label: str) -> None:
        """Start a worker, warm it up for every workload, and stop it."""
        context = self._context
        worker = generation.enter(context.worker(label, str(generation.index)))
        record: dict[str, Any] = {"start": worker.start(), "pid": worker.pid}
        record["load"] = worker.load()
        record["inputs"] = worker.ask(context.inputs_of(label))
        workloads = self._workloads(label)
        record["first_call"] = worker.ask(messages.FirstCall(batch=workloads[0].batch))
        warm_ups = {w: self._warm_up.until_steady(worker, w) for w in workloads}
        worker.stop()
        record["warm_up"] = list(warm_ups.values())
        generation.add(label, worker, {w: warm_up["call_s"] for w, warm_up in warm_ups.items()})
        record["sha256"] = fingerprint(context.artifacts[label])
        context.store.add(
            ProcessStarted.from_values(artifact=label, generation=generation.index, **record)
        )

    def _burst(self, index: int, turn: Turn) -> dict[str, Any]:
        """Time a burst of calls; return the measurements."""
        context, workload = self._context, turn.workload
        bursts = context.plan.protocol.bursts
        self._progress.generation(f"turn {turn.number + 1}/{bursts}  {turn.label}, {workload.name}")
        folder = context.outputs.folder(turn.label) / "timed"
        if turn.is_last:
            folder.mkdir(parents=True, exist_ok=True)
        first = (index * bursts + turn.number) * (turn.calls or 0)
        if turn.is_last and turn.calls:
            samples = context.preflight(turn.label).predict.samples
            first = first_of_burst(samples, workload, turn.calls, index)
        request = {
            "batch": workload.batch,
            "calls": turn.calls,
            "first": first,
            "gap_s": workload.gap_s,
            "boundary": workload.boundary,
            "outputs": str(folder.resolve()) if turn.is_last else None,
        }
        with turn.running() as worker:
            spin_up = self._warm_up.before_burst(worker, workload)
            answer = self._timed(worker, request)
        if turn.is_last:
            rows = answer.pop("rows")
            answer |= timed_differences(context, turn.label, rows, folder)
        if spin_up:
            answer["spin_up"] = spin_up
        return answer | {"elapsed_s": context.elapsed_s()}

    def _timed(self, worker: WorkerProcess, request: Mapping[str, Any]) -> dict[str, Any]:
        """Time a burst, with the card's state; the worker waits while the card is read."""
        before = self._card.sample() if self._card else None
        response = worker.ask(messages.Burst(**request))
        answer: dict[str, Any] = {**response}
        if self._card and before:
            answer["gpu"] = burst_summary(before, self._card.sample())
        return answer

    def _fail_beside(self, alive: int, label: str, failure: Failure) -> None:
        """Record an artifact that failed beside others, or measure it apart from now on.

        Stopped workers keep their memory on the card. An artifact that had enough memory alone, in
        preflight, is tried again with only the reference beside it.
        """
        context = self._context
        beside = failure.outcome == Outcome.OUT_OF_MEMORY and context.plan.device == "cuda"
        if beside and alive > 2 and label not in context.store.latest(MeasuredApart):
            context.store.add(MeasuredApart(artifact=label, reason=failure.reason))
            return
        if beside and alive > 1:
            failure = Failure(
                failure.outcome,
                f"{failure.reason} (beside {alive - 1} other; alone it had enough, in preflight)",
                cause=failure.cause,
            )
        context.fail(label, failure)

    def _workloads(self, label: str) -> tuple[Workload, ...]:
        context = self._context
        preflight = context.preflight(label)
        planned = context.plan.protocol.workloads
        only_batch = preflight.inputs.only_batch
        if only_batch:  # the inputs allow no other batch
            return tuple(dict.fromkeys(replace(w, batch=only_batch) for w in planned))
        # Calls of the same size are compared: what the reference cannot be given, no other is.
        reference = self._references.get(label, label)
        sides = [
            context.preflight(side) for side in {label, reference} if context.has_preflight(side)
        ]
        limits = [side.most_samples for side in sides if side.most_samples is not None]
        most = min(limits, default=None)
        if most is not None:
            least = preflight.inputs.fixed if preflight.most_samples is not None else None
            planned = tuple(replace(w, batch=max(min(w.batch, most), least or 1)) for w in planned)
        sweep = preflight.sweep
        batches = list(sweep.samples_per_s) if sweep else []
        if context.plan.device == "cuda" and sweep and sweep.no_memory:
            # Half of the batch that ran out of memory may take more than half of the card, and the
            # reference needs memory there too.
            batches = [batch for batch in batches if batch <= sweep.no_memory // 4]
        workloads = tuple(dict.fromkeys((*planned, *map(Workload, batches))))
        # Only a sweep was planned, and it has no batches left.
        batch = context.protocol.batch
        return workloads or (Workload(batch if most is None else min(batch, most)),)
