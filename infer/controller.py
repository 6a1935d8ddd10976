"""The controller: a run from its survey to its verdicts, one outcome an artifact."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from infer import environment, parity, schedule
from infer.artifact import Artifact, ArtifactError, check_files, fingerprint, open_artifact
from infer.generation import Generation
from infer.inputs import InputError, read_labels
from infer.operations import flops_per_sample
from infer.outcome import Failure, Outcome
from infer.process import WorkerProcess
from infer.protocol import Point, Protocol
from infer.results import Store
from infer.runtimes import RUNTIMES, takers
from infer.summary import resolution, summarize

_CEILING = Path(__file__).with_name("ceiling.py")
# Of the memory that is free when a run starts, the share that workers may fill together.
_MEMORY_SHARE = 0.8


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
        memory_limit: bytes that a worker may hold; None leaves it to the machine.
        tolerance: largest difference that passes; None goes by precision.
        reference: label of the artifact to compare with; None chooses by the manifests.
        seed: of the order in the turns.
        setups: of artifacts that are run otherwise than tuned, by label: `bare` for a runtime as
            it comes, `settings` for values of single settings, `runtime` for another than the
            default of the format, `signature` for another function than the default of the file.
    """

    artifacts: tuple[tuple[str, Path], ...]
    inputs: Path | None
    protocol: Protocol
    device: str
    threads: int
    timeout_s: float
    memory_limit: int | None = None
    tolerance: float | None = None
    reference: str | None = None
    seed: int = 0
    setups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The plan as JSON takes it, and where its paths start."""
        return asdict(self) | {
            "artifacts": [[label, str(path)] for label, path in self.artifacts],
            "inputs": str(self.inputs) if self.inputs else None,
            "folder": str(Path.cwd()),
        }

    def inputs_sha256(self) -> str | None:
        """What the inputs for all artifacts are known by.

        Raises:
            InputError: they cannot be read.
        """
        try:
            return _sha256(self.inputs) if self.inputs else None
        except OSError as error:
            raise InputError(f"{self.inputs}: cannot be read ({error.strerror})") from None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Plan:
        """Read back what `describe` and JSON made of a plan."""
        protocol = dict(value["protocol"])
        protocol["scenarios"] = tuple(protocol["scenarios"])
        own = {field.name: value[field.name] for field in fields(cls)}
        folder = Path(value["folder"])
        return cls(
            **own
            | {
                "artifacts": tuple((label, folder / path) for label, path in value["artifacts"]),
                "inputs": folder / value["inputs"] if value["inputs"] else None,
                "protocol": Protocol(**protocol),
            }
        )


@dataclass(frozen=True)
class Progress:
    """What the run tells while it goes on.

    Attributes:
        doing: in words.
        share: of the whole that is done, as far as can be said.
    """

    doing: str
    share: float


class Run:
    """One run: every artifact comes to one outcome, and what was measured stays.

    Goes on where the records in the store end, if there are any.
    """

    def __init__(self, plan: Plan, store: Store, tell: Callable[[Progress], None]) -> None:
        self.plan = plan
        self.store = store
        self._tell = tell
        self._opened: dict[str, Artifact] = {}
        self._inputs: dict[str, Path] = {}
        self._ended: set[str] = set()
        self._began = time.monotonic()
        self._before_s = 0.0  # spent by the parts of a run that is resumed
        self._free = psutil.virtual_memory().available

    def run(self, command: list[str]) -> None:
        """Open, survey, measure and compare all artifacts.

        Ctrl-C ends it early, with what there is.

        Raises:
            InputError: the inputs cannot be read, or are not what a resumed run began with.
            OSError: the results cannot be written; what was written before stays.
        """
        now = {"command": command, "environment": environment.describe()}
        inputs = self.plan.inputs_sha256()
        if self.store.records:
            self._recall(inputs)
            self.store.add("resume", **now, protocol=asdict(self.plan.protocol))
        else:
            self.store.add("run", **now, **self.plan.describe(), inputs_sha256=inputs)
        interrupted, why = True, "interrupted"
        try:
            for label, path in self.plan.artifacts:
                if label not in self._ended:
                    self._open(label, path)
            self._measure_ceiling()
            self._survey_all()
            self._judge()
            why = self._generations()
            self._measure_ceiling()
            interrupted = False
        except KeyboardInterrupt:
            if all(map(self._surveyed, self._alive())):
                self._judge()
        self._conclude()
        self.store.add("end", interrupted=interrupted, reason=why, seconds=self._elapsed())

    @property
    def _protocol(self) -> Protocol:
        """The plan's; a warm-up must end before it is taken for one that hangs."""
        protocol = self.plan.protocol
        limit_s = min(protocol.warm_up_limit_s, self.plan.timeout_s / 2)
        return replace(protocol, warm_up_limit_s=limit_s)

    def _elapsed(self) -> float:
        return self._before_s + time.monotonic() - self._began

    def _conclude(self) -> None:
        """Give every artifact that was measured to the end its outcome."""
        judged, before = self._of_kind("parity"), self._of_kind("outcome")
        for label in self._alive():
            if label not in judged or label in before:  # one that is resumed has it already
                continue
            outcome, reason = Outcome.OK, ""
            if not judged[label]["passed"]:
                outcome = Outcome.PARITY_FAIL
                reason = (
                    f"differs from {judged[label]['reference']} by "
                    f"{judged[label]['largest_difference']:.2g}, more than "
                    f"{judged[label]['tolerance']:g}"
                )
            self.store.add("outcome", artifact=label, outcome=outcome, reason=reason, early=False)

    def _recall(self, inputs_sha256: str | None) -> None:
        """Take up what the earlier parts of a resumed run came to."""
        if self.store.records[0]["inputs_sha256"] != inputs_sha256:
            raise InputError(f"{self.plan.inputs}: altered since the run began; start a new one")
        self._ended = {
            label for label, record in self._of_kind("outcome").items() if record["early"]
        }
        self._before_s = max((r.get("elapsed_s", 0.0) for r in self.store.records), default=0.0)

    def _of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        return {r["artifact"]: r for r in self.store.records if r["kind"] == kind}

    def _surveyed(self, label: str) -> bool:
        return label in self._of_kind("survey")

    def _end(self, label: str, outcome: Outcome, reason: str = "") -> None:
        self._ended.add(label)
        self.store.add("outcome", artifact=label, outcome=outcome, reason=reason, early=True)

    def _fail(self, label: str, failure: Failure) -> None:
        self._end(label, failure.outcome, failure.reason)

    # Opening

    def _open(self, label: str, path: Path) -> None:
        known = self._of_kind("artifact").get(label)
        try:
            artifact = open_artifact(path, label)
            if not takers(artifact.format):
                raise ArtifactError(
                    f"{path}: no runtime for the format '{artifact.format}' "
                    f"(there are {', '.join(RUNTIMES)})"
                )
            check_files(artifact)
            sha256 = fingerprint(artifact)
            if known and known["sha256"] != sha256:
                raise ArtifactError(f"{path}: altered since the run began; start a new one")
        except ArtifactError as error:
            if not known:
                self.store.add("artifact", artifact=label, path=str(path), sha256=None)
            self._end(label, Outcome.LOAD_ERROR, str(error))
            return
        manifest = asdict(artifact.manifest) if artifact.manifest else None
        if not known:
            self.store.add(
                "artifact",
                artifact=label,
                path=str(path),
                format=artifact.format,
                bytes=artifact.bytes,
                sha256=sha256,
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
        if _sha256(path) != stated["sha256"]:
            raise InputError(f"{path}: altered since {artifact.label} was exported; export again")
        return path

    def _process(self, label: str, stage: str) -> WorkerProcess:
        return WorkerProcess(
            self._opened[label],
            device=self.plan.device,
            threads=self.plan.threads,
            scratch=self.folder(label),
            log=self.store.folder / "logs" / f"{_file_name(label)}-{stage}.log",
            timeout_s=self.plan.timeout_s,
            memory_limit=self.plan.memory_limit,
            setup=self.plan.setups.get(label),
        )

    def folder(self, label: str) -> Path:
        """Where the outputs of an artifact are."""
        return self.store.folder / "outputs" / _file_name(label)

    def _measure_ceiling(self) -> None:
        """Measure what the processor could do at best; a run goes on without it."""
        # It is compared with arithmetic that only the graphs of ONNX tell.
        counted = any(self._opened[label].format == "onnx" for label in self._alive())
        if not counted or self.plan.device != "cpu":
            return
        command = [sys.executable, "-I", str(_CEILING), str(self.plan.threads)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=self.plan.timeout_s, check=True
            )
        except subprocess.SubprocessError:
            return
        self.store.add("ceiling", **json.loads(done.stdout))

    # The survey

    def _survey_all(self) -> None:
        waiting = [label for label in self._alive() if not self._surveyed(label)]
        for number, label in enumerate(waiting):
            self._tell(Progress(f"survey {number + 1}/{len(waiting)}: {label}", self._share()))
            try:
                self._survey(label)
            except Failure as failure:
                self._fail(label, failure)

    def _survey(self, label: str) -> None:
        protocol = self._protocol
        batch, limit_s = protocol.batch, protocol.warm_up_limit_s
        shutil.rmtree(self.folder(label), ignore_errors=True)  # of a survey that was cut off
        with self._process(label, "survey") as worker:
            record: dict[str, Any] = {"pid": worker.pid, "start": worker.start()}
            record["load"] = worker.ask("load")
            record["inputs"] = worker.ask("inputs", path=str(self._inputs[label].resolve()))
            record["first_call"] = worker.ask("first_call", batch=batch)
            self._check_device(record["first_call"]["placement"])
            record["check"] = worker.ask("check", batch=batch)
            if record["check"]["unfinished"]:
                raise Failure(
                    Outcome.PARITY_FAIL,
                    f"returns before it is finished: {record['check']['unfinished']}",
                )
            record["warm_up"] = worker.ask("warm_up", batch=batch, limit_s=limit_s)
            folder = str(self.folder(label).resolve())
            record["predict"] = worker.ask("predict", batch=batch, outputs=folder)
            self._check_device(record["predict"]["placement"])
            record["gpu_bytes"] = environment.gpu_memory(worker.pid)
            if "sweep" in protocol.scenarios:
                record["sweep"] = worker.ask("sweep", limit_s=limit_s)
            record["footprint"] = worker.ask("footprint")
        if self._opened[label].format == "onnx":
            record["flops_per_sample"] = flops_per_sample(
                self._opened[label].payload, record["load"]["signature"]["inputs"]
            )
        self._check_outputs(label, record["predict"]["samples"])
        self.store.add("survey", artifact=label, elapsed_s=self._elapsed(), **record)

    def _check_device(self, placement: dict[str, Any]) -> None:
        if placement["device"] != self.plan.device:
            where = ", ".join(placement.get("devices", [])) or placement["device"]
            raise Failure(
                Outcome.WRONG_DEVICE,
                f"asked to run on {self.plan.device}, ran on {placement['device']} ({where})",
            )

    def _check_outputs(self, label: str, samples: int) -> None:
        outputs = parity.read_outputs(self.folder(label))
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

    # Parity

    def _judge(self) -> None:
        """Judge parity within each group of artifacts that hold the same weights.

        One that fails is measured all the same: how fast it is may be why it was chosen.
        """
        groups: dict[tuple[str | None, str | None], list[str]] = {}
        for label in self._alive():
            if self._surveyed(label):
                groups.setdefault(self._opened[label].weights, []).append(label)
        judged = self._of_kind("parity")
        for members in groups.values():
            waiting = [label for label in members if label not in judged]
            if not waiting:
                continue
            # If judging was cut off, it goes on with the reference that it began with.
            before = [judged[label]["reference"] for label in members if label in judged]
            reference = before[0] if before else self._reference(members)
            expected = parity.read_outputs(self.folder(reference))
            for label in waiting:
                try:
                    self._judge_one(label, reference, expected)
                except Failure as failure:
                    self._fail(label, failure)

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

    def _tolerance(self, label: str) -> float:
        if self.plan.tolerance is not None:
            return self.plan.tolerance
        manifest = self._opened[label].manifest
        precision = manifest.precision if manifest else "float32"
        return parity.TOLERANCES.get(precision, parity.TOLERANCES["float32"])

    def _judge_one(self, label: str, reference: str, expected: parity.Outputs) -> None:
        outputs = parity.read_outputs(self.folder(label))
        result = parity.compare(outputs, expected, self._tolerance(label))
        labels = self._labels(label)
        first = next(iter(outputs.values()))
        metrics = None
        if labels is not None and first.ndim == 2:
            metrics = parity.seven_metrics(first, labels)
        self.store.add("parity", artifact=label, reference=reference, **result, metrics=metrics)

    # Generations

    def _alive(self) -> list[str]:
        return [label for label in self._opened if label not in self._ended]

    def _generations(self) -> str:
        """Measure generation after generation; return why the last one was the last."""
        while True:
            groups = self._together()
            if not groups:
                return "no artifact was left to measure"
            before = self._complete()
            standing = schedule.Standing(
                generations=len(before),
                elapsed_s=self._elapsed(),
                generation_s=max(before, default=0.0),
                compared=sum(len(group) - 1 for group in groups),
                resolution=resolution(self.store.records),
            )
            why = schedule.ended(self.plan.protocol, standing)
            if why:
                return why
            begin = time.monotonic()
            for group in groups:
                self._generation(group)
            self.store.add(
                "generation", seconds=time.monotonic() - begin, elapsed_s=self._elapsed()
            )

    def _complete(self) -> list[float]:
        """Seconds that each of the generations took that were measured to the end."""
        return [r["seconds"] for r in self.store.records if r["kind"] == "generation"]

    def _together(self) -> list[list[str]]:
        """The artifacts in groups that fit into memory together, each with its reference.

        Only artifacts with the same reference are measured together.
        """
        surveys = self._of_kind("survey")
        references = summarize(self.store.records).speed_references
        families: dict[str, list[str]] = {}
        for label in self._alive():
            if label in surveys:
                families.setdefault(references[label], []).append(label)

        def need(label: str) -> int:
            return surveys[label]["predict"]["peak_rss_bytes"] or 0

        groups: list[list[str]] = []
        for reference, labels in families.items():
            if reference not in labels:
                reference = labels[0]
            room = left = self._free * _MEMORY_SHARE - need(reference)
            groups.append([reference])
            for label in labels:
                if label == reference:
                    continue
                if need(label) > left and len(groups[-1]) > 1:
                    groups.append([reference])
                    left = room
                groups[-1].append(label)
                left -= need(label)
        return groups

    def _generation(self, labels: list[str]) -> None:
        index = 1 + max(
            (r["generation"] for r in self.store.records if r["kind"] == "start"), default=-1
        )
        points = {label: self._points(label) for label in labels}
        with Generation(
            index, self._protocol, points, seed=self.plan.seed, add=self.store.add, fail=self._fail
        ) as generation:
            for label in labels:
                self._say(f"starting {label}")
                generation.start(
                    label,
                    partial(self._process, label, str(index)),
                    str(self._inputs[label].resolve()),
                )
            generation.turns(partial(self._burst, index))

    def _points(self, label: str) -> tuple[Point, ...]:
        survey = self._of_kind("survey")[label]
        swept = [Point(int(batch)) for batch in survey.get("sweep", {}).get("samples_per_s", ())]
        return tuple(dict.fromkeys((*self.plan.protocol.points, *swept)))

    def _burst(
        self,
        index: int,
        label: str,
        point: Point,
        turn: int,
        worker: WorkerProcess,
        calls: int | None,
    ) -> dict[str, Any]:
        self._say(f"turn {turn + 1}/{self.plan.protocol.bursts}  {label}, {point.name}")
        last = turn == self.plan.protocol.bursts - 1
        folder = self.folder(label) / "timed"
        if last:
            folder.mkdir(exist_ok=True)
        answer = worker.ask(
            "burst",
            batch=point.batch,
            calls=calls,
            first=(index * self.plan.protocol.bursts + turn) * (calls or 0),
            gap_s=point.gap_s,
            boundary=point.boundary,
            outputs=str(folder.resolve()) if last else None,
        )
        if last:
            worker.stop()
            answer["difference"] = self._timed_difference(label, answer.pop("rows"), folder)
        return answer | {"elapsed_s": self._elapsed()}

    def _timed_difference(self, label: str, rows: list[int], folder: Path) -> float:
        """The largest difference of a timed call's outputs from those of the survey.

        Raises:
            Failure: it is not what the survey was judged by.
        """
        timed = parity.read_outputs(folder)
        parity.check_outputs(timed, len(rows), None)
        surveyed = parity.take(parity.read_outputs(self.folder(label)), rows)
        result = parity.compare(timed, surveyed, self._tolerance(label))
        if not result["passed"]:
            raise Failure(
                Outcome.PARITY_FAIL,
                "the outputs of a timed call differ from those of the survey by "
                f"{result['largest_difference']:.2g}",
            )
        return float(result["largest_difference"])

    def _say(self, doing: str) -> None:
        self._tell(Progress(f"generation {len(self._complete()) + 1}: {doing}", self._share()))

    def _share(self) -> float:
        protocol = self.plan.protocol
        if protocol.budget_s:
            return min(1.0, self._elapsed() / protocol.budget_s)
        done = len(self._complete()) + bool(self._of_kind("parity"))
        return min(1.0, done / ((protocol.generations or 1) + 1))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_name(label: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", label)
    if name == label:
        return name
    # "a/m" and "a m" are two artifacts.
    return f"{name}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
