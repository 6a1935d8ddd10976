"""The controller: the schedule of a run, an artifact and a process at a time."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infer import environment, parity
from infer.artifact import Artifact, ArtifactError, check_files, open_artifact
from infer.inputs import InputError, read_labels
from infer.outcome import Failure, Outcome
from infer.process import WorkerProcess
from infer.protocol import Protocol
from infer.results import Store
from infer.runtimes import RUNTIMES

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Plan:
    """What a run is to measure.

    Attributes:
        artifacts: label and path of each.
        inputs: for all of them; None takes what each manifest names.
        protocol: how much.
        device: "cpu" or "cuda".
        threads: for each worker.
        timeout_s: for each answer of a worker.
        tolerance: largest difference that passes; None goes by precision.
        reference: label of the artifact to compare with; None chooses by the manifests.
        seed: of the order in the rounds.
    """

    artifacts: tuple[tuple[str, Path], ...]
    inputs: Path | None
    protocol: Protocol
    device: str
    threads: int
    timeout_s: float
    tolerance: float | None = None
    reference: str | None = None
    seed: int = 0


class Run:
    """One run: every artifact comes to one outcome, and what was measured stays."""

    def __init__(self, plan: Plan, store: Store, progress: Progress) -> None:
        self.plan = plan
        self.store = store
        self._progress = progress
        self._opened: dict[str, Artifact] = {}
        self._inputs: dict[str, Path] = {}
        self._ended: set[str] = set()
        self._measured: dict[str, list[int]] = {}  # rounds, by label

    def run(self, command: list[str]) -> None:
        """Open, measure and compare all artifacts. Ctrl-C ends it early, with what there is."""
        self.store.add(
            "run",
            command=command,
            environment=environment.describe(),
            protocol=asdict(self.plan.protocol),
            device=self.plan.device,
            threads=self.plan.threads,
            seed=self.plan.seed,
            inputs=str(self.plan.inputs) if self.plan.inputs else None,
            timeout_s=self.plan.timeout_s,
            tolerance=self.plan.tolerance,
        )
        interrupted = False
        try:
            for label, path in self.plan.artifacts:
                self._open(label, path)
            self._rounds()
        except KeyboardInterrupt:
            interrupted = True
        self._compare()
        self.store.add("end", interrupted=interrupted)

    def _end(self, label: str, outcome: Outcome, reason: str = "") -> None:
        self._ended.add(label)
        self.store.add("outcome", artifact=label, outcome=outcome, reason=reason)

    def _open(self, label: str, path: Path) -> None:
        try:
            artifact = open_artifact(path, label)
            if artifact.format not in RUNTIMES:
                raise ArtifactError(
                    f"{path}: no runtime for the format '{artifact.format}' "
                    f"(there are {', '.join(RUNTIMES)})"
                )
            check_files(artifact)
        except ArtifactError as error:
            self.store.add("artifact", artifact=label, path=str(path))
            self._end(label, Outcome.LOAD_ERROR, str(error))
            return
        manifest = asdict(artifact.manifest) if artifact.manifest else None
        self.store.add(
            "artifact",
            artifact=label,
            path=str(path),
            format=artifact.format,
            bytes=artifact.bytes,
            manifest=manifest and {k: v for k, v in manifest.items() if k != "files"},
        )
        try:
            self._inputs[label] = self._find_inputs(artifact)
            self._opened[label] = artifact
        except InputError as error:
            self._end(label, Outcome.BAD_INPUT, str(error))

    def _find_inputs(self, artifact: Artifact) -> Path:
        if self.plan.inputs:
            return self.plan.inputs
        stated = artifact.manifest.evaluation if artifact.manifest else None
        if stated is None:
            raise InputError(f"{artifact.path}: names no inputs; give some with --inputs FILE.npz")
        path = (artifact.path / stated["file"]).resolve()
        if not path.is_file():
            raise InputError(
                f"{path}: missing; export again, or give inputs with --inputs FILE.npz"
            )
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != stated["sha256"]:
                raise InputError(
                    f"{path}: altered since {artifact.label} was exported; export again"
                )
        return path

    def _rounds(self) -> None:
        order = random.Random(self.plan.seed)
        for index in range(self.plan.protocol.rounds):
            labels = [label for label in self._opened if label not in self._ended]
            order.shuffle(labels)
            for label in labels:
                try:
                    self._measure(index, self._opened[label])
                    self._measured.setdefault(label, []).append(index)
                except Failure as failure:
                    self._end(label, failure.outcome, failure.reason)
                self._progress("", 1)

    def _measure(self, index: int, artifact: Artifact) -> None:
        protocol = self.plan.protocol
        label = artifact.label
        folder = self.folder(label, index)

        def tell(what: str) -> None:
            self._progress(f"round {index + 1}/{protocol.rounds}  {label}: {what}", 0)

        tell("starting")
        with WorkerProcess(
            artifact,
            device=self.plan.device,
            threads=self.plan.threads,
            scratch=folder,
            log=self.store.folder / "logs" / f"{_file_name(label)}-{index}.log",
            timeout_s=self.plan.timeout_s,
        ) as worker:
            record: dict[str, Any] = {"pid": worker.pid, "start": worker.start()}
            tell("loading")
            record["load"] = worker.ask("load")
            record["inputs"] = worker.ask("inputs", path=str(self._inputs[label].resolve()))
            tell("first call")
            record["first_call"] = worker.ask("first_call", batch=protocol.batch)
            self._check_device(record["first_call"]["placement"])
            tell("warming up")
            # One answer covers the whole warm-up, and must come within the time limit.
            limit = min(protocol.warm_up_limit_s, self.plan.timeout_s / 2)
            record["warm_up"] = worker.ask("warm_up", batch=protocol.batch, limit_s=limit)
            tell("passes over the inputs")
            record["passes"] = worker.ask(
                "passes",
                batch=protocol.batch,
                count=protocol.passes,
                outputs=str(folder.resolve()),
                samples=protocol.samples if index else None,
            )
            self._check_device(record["passes"]["placement"])
            tell("single samples")
            worker.ask("warm_up", batch=1, limit_s=limit)
            record["single"] = worker.ask("calls", batch=1, count=protocol.single_calls)
        self._check_outputs(label, index, record["passes"]["samples"])
        self.store.add("measurement", artifact=label, round=index, **record)

    def folder(self, label: str, index: int) -> Path:
        """Where the outputs of an artifact's round are."""
        return self.store.folder / "outputs" / _file_name(label) / f"round-{index}"

    def _check_device(self, placement: dict[str, Any]) -> None:
        if placement["device"] != self.plan.device:
            where = ", ".join(placement.get("devices", [])) or placement["device"]
            raise Failure(
                Outcome.WRONG_DEVICE,
                f"asked to run on {self.plan.device}, ran on {placement['device']} ({where})",
            )

    def _check_outputs(self, label: str, index: int, samples: int) -> None:
        outputs = parity.read_outputs(self.folder(label, index))
        labels = self._labels(label)
        manifest = self._opened[label].manifest
        classes = len(manifest.classes) if manifest and manifest.classes else None
        first = next(iter(outputs.values()))
        parity.check_outputs(outputs, samples, classes)
        if labels is not None and first.ndim == 2 and labels.max(initial=0) >= first.shape[1]:
            raise Failure(
                Outcome.BAD_INPUT,
                f"{self._inputs[label]}: labels up to {labels.max()}, but the output has only "
                f"{first.shape[1]} classes",
            )

    def _labels(self, label: str) -> np.ndarray | None:
        try:
            return read_labels(self._inputs[label])
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None

    def _compare(self) -> None:
        """Judge parity within each group of artifacts that hold the same weights."""
        groups: dict[str | None, list[str]] = {}
        for label in self._opened:
            if label in self._measured and label not in self._ended:
                groups.setdefault(self._opened[label].weights_sha256, []).append(label)
        for members in groups.values():
            reference = self._reference(members)
            expected = parity.read_outputs(self.folder(reference, self._measured[reference][0]))
            for label in members:
                try:
                    self._compare_one(label, reference, expected)
                except Failure as failure:
                    self._end(label, failure.outcome, failure.reason)
                else:
                    self._end(label, Outcome.OK)

    def _reference(self, members: list[str]) -> str:
        if self.plan.reference in members:
            return str(self.plan.reference)
        for label in members:
            manifest = self._opened[label].manifest
            if (
                manifest
                and manifest.native
                and manifest.framework == manifest.weights.get("framework")
            ):
                return label
        return members[0]

    def _compare_one(self, label: str, reference: str, expected: parity.Outputs) -> None:
        manifest = self._opened[label].manifest
        precision = manifest.precision if manifest else "float32"
        tolerance = self.plan.tolerance
        if tolerance is None:
            tolerance = parity.TOLERANCES.get(precision, parity.TOLERANCES["float32"])
        # The outputs of every round were timed, so all are judged; the worst one counts. Rounds
        # after the first may have taken a part of the samples.
        rounds = [parity.read_outputs(self.folder(label, i)) for i in self._measured[label]]
        results = [
            parity.compare(outputs, parity.head(expected, outputs), tolerance) for outputs in rounds
        ]
        worst = max(result["largest_difference"] for result in results)
        result = results[0] | {"largest_difference": worst, "passed": worst <= tolerance}
        labels = self._labels(label)
        first = next(iter(rounds[0].values()))
        metrics = None
        if labels is not None and first.ndim == 2:
            metrics = parity.seven_metrics(first, labels)
        self.store.add("parity", artifact=label, reference=reference, **result, metrics=metrics)
        if not result["passed"]:
            raise Failure(
                Outcome.PARITY_FAIL,
                f"differs from {reference} by {result['largest_difference']:.2g}, "
                f"more than {tolerance:g}",
            )


def _file_name(label: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", label)
    if name == label:
        return name
    # "a/m" and "a m" are two artifacts.
    return f"{name}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
