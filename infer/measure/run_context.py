"""The context of a run, which its stages share: plan, records, artifacts and workers."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..artifacts.artifact import Artifact
from ..best_effort import best_effort
from ..errors import InputError
from ..inputs.loading import read_labels, read_truth
from ..metrics.classification import CLASSIFICATION
from ..outcome import Failure, Outcome
from ..records.artifact_events import BatchLimitsFound, OutcomeReached, UnknownInformation
from ..records.events import elapsed_s
from ..records.paths import file_name
from ..records.process_events import GenerationDone, PreflightDone, ProcessStarted
from ..records.protocol import Protocol
from ..records.store import Store
from ..sources.source import source_of
from ..variant import TUNED
from ..worker import messages
from ..worker.client import WorkerProcess
from ..worker.error_text import one_line
from .file_signatures import symbolic_shapes
from .plan import Plan
from .run_outputs import RunOutputs
from .run_stores import RunStores

Value = TypeVar("Value")
# The log of the controller, in the folder of the logs.
LOG = "controller.log"


class RunContext:
    """The context of a run, which its stages share.

    Attributes:
        plan: the plan of the run.
        store: the records of the run.
        artifacts: artifacts that could be opened, by label.
        inputs: the inputs file of each artifact, by label.
        stores: the stores of these files, which workers map.
        outputs: the outputs of the artifacts, for as long as the run needs them.
    """

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        self.store = store
        self.artifacts: dict[str, Artifact] = {}
        self.inputs: dict[str, Path] = {}
        self.outputs = RunOutputs(store.folder / ".outputs", plan.ignored, plan.sample_columns)
        self.stores = RunStores(store.folder, _converted(plan))
        self._began = time.monotonic()
        # Seconds spent before the run was resumed.
        self._before_s = elapsed_s(store.events)

    @property
    def protocol(self) -> Protocol:
        """The plan's protocol; a warm-up must end before it counts as hanging."""
        protocol = self.plan.protocol
        limit_s = min(protocol.warm_up_limit_s, self.plan.timeout_s / 2)
        return replace(protocol, warm_up_limit_s=limit_s)

    # Queries of the records

    def has_preflight(self, label: str) -> bool:
        """Whether the preflight of an artifact is finished."""
        return label in self.store.latest(PreflightDone)

    def preflight(self, label: str) -> PreflightDone:
        """The record of the preflight of an artifact that has passed it."""
        return self.store.latest(PreflightDone)[label]

    @property
    def ended(self) -> set[str]:
        """Labels of the artifacts whose outcome was reached early, before all was measured."""
        return {label for label, event in self.store.latest(OutcomeReached).items() if event.early}

    def active(self) -> list[str]:
        """Labels of the artifacts that have not failed."""
        ended = self.ended
        return [label for label in self.artifacts if label not in ended]

    def generation_seconds(self) -> list[float]:
        """Seconds of each generation that was measured to the end."""
        return [event.seconds for event in self.store.of_type(GenerationDone)]

    def next_generation(self) -> int:
        """The number of the next generation."""
        started = (event.generation for event in self.store.of_type(ProcessStarted))
        return 1 + max(started, default=-1)

    def elapsed_s(self) -> float:
        """Seconds since the run began, without the pauses between its parts."""
        return self._before_s + time.monotonic() - self._began

    # Outcomes

    def end(
        self, label: str, outcome: Outcome, reason: str = "", cause: str = "", untrusted: str = ""
    ) -> None:
        """Record an artifact's outcome before it is measured to the end."""
        self.store.add(
            OutcomeReached(
                artifact=label,
                outcome=outcome,
                reason=reason,
                early=True,
                cause=cause,
                untrusted=untrusted,
            )
        )

    def fail(self, label: str, failure: Failure) -> None:
        """Record the outcome of an artifact that failed."""
        self.end(label, failure.outcome, failure.reason, failure.cause, failure.untrusted)

    @contextmanager
    def outcome_of(self, label: str) -> Iterator[None]:
        """Record as an artifact's outcome what the block raises, so that the others go on.

        Raises:
            OSError: the results cannot be written.
        """
        try:
            yield
        except Exception as error:
            self.fail(label, self.as_failure(error))

    def as_failure(self, error: Exception) -> Failure:
        """The failure of the artifact at which an error was raised, whatever the error is.

        Raises:
            OSError: the results cannot be written.
        """
        if isinstance(error, Failure):
            return error
        if isinstance(error, OSError):
            raise error
        self._log(error)
        return Failure(
            Outcome.UNSUPPORTED,
            f"exportbench cannot measure it: {one_line(error)} (log: logs/{LOG})",
            cause=type(error).__name__,
        )

    def informative(
        self, what: str, step: Callable[[], Value], otherwise: Value, label: str | None = None
    ) -> Value:
        """Return the result of a step that decides nothing; if it raises, record that.

        Args:
            what: what the step finds out, for a notice.
            step: the step.
            otherwise: value to return if it raises.
            label: label of the artifact, if it is about one.
        """

        def failed(error: Exception) -> None:
            self._log(error)
            self.store.add(UnknownInformation(artifact=label, what=what, reason=one_line(error)))

        return best_effort(step, otherwise, failed)

    def _log(self, error: Exception) -> None:
        folder = self.store.folder / "logs"
        folder.mkdir(exist_ok=True)
        with (folder / LOG).open("a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)

    # Workers and their inputs

    def worker(
        self, label: str, stage: str, threads: int | None = None, device: str | None = None
    ) -> WorkerProcess:
        """Start a fresh worker for an artifact.

        Args:
            label: label of the artifact.
            stage: name of the stage, for the log's name.
            threads: number of threads; None for the plan's.
            device: device; None for the plan's.

        Raises:
            OSError: its folders cannot be created.
        """
        return WorkerProcess(
            self.artifacts[label],
            device=device or self.plan.device,
            card=self.plan.card,
            threads=threads or self.plan.threads,
            scratch=self.scratch / file_name(label),
            log=self.store.folder / "logs" / f"{file_name(label)}-{stage}.log",
            timeout_s=self.plan.timeout_s,
            memory_limit=self.plan.memory_limit,
            tf32=self.plan.tf32,
            variant=self.plan.variants.get(label, TUNED),
            inputs=self.stores.of(self.inputs[label]),
        )

    @contextmanager
    def ready_worker(
        self, label: str, stage: str, threads: int | None = None, device: str | None = None
    ) -> Iterator[WorkerProcess]:
        """Start a fresh worker that has loaded its artifact and read its inputs.

        The arguments are as in `worker`.

        Raises:
            Failure: it cannot.
            OSError: its folders cannot be created.
        """
        with self.worker(label, stage, threads, device) as worker:
            worker.start()
            worker.load()
            worker.ask(self.inputs_of(label))
            yield worker

    def batch_of(self, label: str) -> int:
        """Samples in a call of preflight: the only number that the inputs allow, or the plan's."""
        return self.preflight(label).inputs.only_batch or self.protocol.batch

    @property
    def scratch(self) -> Path:
        """The folder of the folders that workers may write in."""
        return self.store.folder / "scratch"

    def prepare_inputs(self, tell: Callable[[str], None]) -> None:
        """Make the store of the inputs for all artifacts, as `RunStores.prepare` does."""
        if self.plan.inputs:
            for file in {self.inputs[label] for label in self.active()}:
                self.stores.prepare(file, tell)

    def tensors_of(self, label: str) -> Path:
        """The folder of the tensors that a worker reads.

        Raises:
            InputError: the inputs are damaged.
        """
        return self.stores.of(self.inputs[label]).path()

    def inputs_of(self, label: str) -> messages.Inputs:
        """The request for a worker to read its inputs.

        Raises:
            Failure: the inputs are damaged.
        """
        recorded = self.store.latest(BatchLimitsFound).get(label)
        try:
            path = self.tensors_of(label)
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        return messages.Inputs(
            path=str(path),
            file=str(self.inputs[label]),
            options=asdict(self.plan.input_options),
            label=label,
            batch_limits=asdict(recorded.limits) if recorded else None,
            stated_elsewhere=symbolic_shapes(self.artifacts, self.plan.variants, but=label),
        )

    def classes(self, label: str) -> tuple[str, ...]:
        """Names of the classes of an artifact, if its manifest has them."""
        manifest = self.artifacts[label].manifest
        return manifest.classes if manifest else ()

    def labels(self, label: str) -> np.ndarray | None:
        """The true classes, int64 N or text N; None if the inputs of an artifact have none.

        None too for a task whose truth is something else, and where they are no classes beside
        metrics of the user's own, which may be of anything.

        Raises:
            Failure: the labels are no classes.
        """
        if self.plan.task and self.plan.task.name != CLASSIFICATION.name:
            return None
        try:
            return read_labels(self.inputs[label])
        except InputError as error:
            if self.plan.metrics and self.plan.task is None:
                return None
            raise Failure(Outcome.BAD_INPUT, str(error)) from None

    def truth(self, label: str) -> dict[str, np.ndarray]:
        """The arrays of the truth by name; empty if the inputs of an artifact have none.

        Raises:
            Failure: the inputs cannot be read.
        """
        try:
            return read_truth(self.inputs[label])
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None


def _converted(plan: Plan) -> list[Path]:
    """The files and folders that the inputs of a plan were converted from, labels among them."""
    source = source_of(plan.inputs) if plan.stored and plan.inputs else None
    return [] if source is None or source.kind == "function" else source.reads
