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

from infer import answers, environment, parity, random_inputs, schedule
from infer.accuracy import paired_difference
from infer.artifact import (
    Artifact,
    ArtifactError,
    Signature,
    check_files,
    fingerprint,
    open_artifact,
)
from infer.differences import differences, finite
from infer.generation import Generation
from infer.inputs import InputError, Wishes, read_labels
from infer.mapping import MapError, rules_for
from infer.operations import flops_per_sample
from infer.outcome import Failure, Outcome
from infer.outputs import Outputs, read_outputs, without_rows
from infer.process import WorkerProcess
from infer.protocol import Point, Protocol
from infer.random_inputs import NotTold, Random
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
        inputs: for all of them; None takes what each manifest names, or random ones.
        random: inputs to make up, where that is asked for.
        wishes: of the user, about inputs and outputs.
        ignored: outputs that are not compared, by their name in any artifact.
        absolute: outputs of the reference of which the absolute values are compared.
        protocol: how much.
        device: "cpu" or "cuda".
        threads: for each worker.
        timeout_s: for each answer of a worker.
        memory_limit: bytes that a worker may hold; None leaves it to the machine.
        tolerance: largest difference that passes; None goes by precision.
        reference: label of the artifact to compare with; None chooses by the manifests.
        seed: of the order in the turns.
        setups: of artifacts that are run otherwise than tuned, by label: `bare` for a runtime as
            it comes, `settings` for values of single settings, `python` for the interpreter
            that its worker runs in, `runtime` for another than the default of the format,
            `signature` for another function than the default of the file.
        pairs: labels of artifacts and of the former artifact that each is compared with.
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
    pairs: Mapping[str, str] = field(default_factory=dict)
    random: Random | None = None
    wishes: Wishes = field(default_factory=Wishes)
    ignored: tuple[str, ...] = ()
    absolute: tuple[str, ...] = ()

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
                "random": Random(**value["random"]) if value["random"] else None,
                "wishes": Wishes.of(value["wishes"]),
                "ignored": tuple(value["ignored"]),
                "absolute": tuple(value["absolute"]),
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
        drawn = next(iter(self._of_kind("random").values()), None)
        kept = self.store.folder / "inputs.npz"
        if drawn and (not kept.is_file() or _sha256(kept) != drawn["sha256"]):
            raise InputError(f"{kept}: altered since the run began; start a new one")
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
        if self.plan.random:
            return self.store.folder / "inputs.npz"
        stated = artifact.manifest.evaluation if artifact.manifest else None
        if stated is None:
            raise InputError(
                f"{artifact.path}: names no inputs; give some with --inputs FILE.npz, or have them "
                "made up with --random 0"
            )
        path = (artifact.path / stated["file"]).resolve()
        if not path.is_file():
            raise InputError(
                f"{path}: missing; export again, or give inputs with --inputs FILE.npz"
            )
        if _sha256(path) != stated["sha256"]:
            raise InputError(f"{path}: altered since {artifact.label} was exported; export again")
        return path

    def _process(self, label: str, stage: str, threads: int | None = None) -> WorkerProcess:
        return WorkerProcess(
            self._opened[label],
            device=self.plan.device,
            threads=threads or self.plan.threads,
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
        later: dict[str, str] = {}
        for number, label in enumerate(waiting):
            self._tell(Progress(f"survey {number + 1}/{len(waiting)}: {label}", self._share()))
            try:
                self._survey(label)
            except NotTold as error:
                later[label] = str(error)  # the signature of another may tell
            except Failure as failure:
                self._fail(label, failure)
        for label, reason in later.items():
            try:
                if not self._of_kind("random"):
                    raise Failure(Outcome.BAD_INPUT, reason)
                self._survey(label)
            except Failure as failure:
                self._fail(label, failure)

    def _survey(self, label: str) -> None:
        """Take what is paid once, and the outputs: in order, from a process that did nothing else.

        Only what comes after the outputs may change a state that the model keeps.
        """
        protocol = self._protocol
        limit_s = protocol.warm_up_limit_s
        shutil.rmtree(self.folder(label), ignore_errors=True)  # of a survey that was cut off
        with self._process(label, "survey") as worker:
            record: dict[str, Any] = {"pid": worker.pid, "start": worker.start()}
            record["load"] = worker.ask("load")
            if self.plan.random and not self._of_kind("random"):
                self._make_up_inputs(label, Signature.of(record["load"]["signature"]))
            record["inputs"] = worker.ask("inputs", **self._inputs_of(label))
            batch = record["inputs"]["only_batch"] or protocol.batch
            record["first_call"] = worker.ask("first_call", batch=batch)
            self._check_device(record["first_call"]["placement"])
            folder = str(self.folder(label).resolve())
            record["predict"] = worker.ask("predict", batch=batch, outputs=folder)
            self._check_device(record["predict"]["placement"])
            record["repeat"] = worker.ask("repeat", batch=batch)
            record["check"] = worker.ask("check", batch=batch)
            if record["check"]["unfinished"]:
                raise Failure(
                    Outcome.PARITY_FAIL,
                    f"returns before it is finished: {record['check']['unfinished']}",
                )
            record["warm_up"] = worker.ask("warm_up", batch=batch, limit_s=limit_s)
            record["gpu_bytes"] = environment.gpu_memory(worker.pid)
            if "sweep" in protocol.scenarios and not record["inputs"]["only_batch"]:
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

    def _inputs_of(self, label: str) -> dict[str, Any]:
        """What a worker is to be asked, to read its inputs."""
        return {
            "path": str(self._inputs[label].resolve()),
            "wishes": asdict(self.plan.wishes),
            "label": label,
        }

    def _make_up_inputs(self, label: str, signature: Signature) -> None:
        """Draw the random inputs of the run from the first signature that tells enough."""
        assert self.plan.random
        manifest = self._opened[label].manifest
        stated = asdict(manifest.signature) if manifest else None
        try:
            arrays, notes = random_inputs.generate(
                self.plan.random, signature, stated, self.plan.wishes, label
            )
        except NotTold:
            raise
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        random_inputs.write(self._inputs[label], arrays)
        self.store.add("random", artifact=label, notes=notes, sha256=_sha256(self._inputs[label]))

    def _check_outputs(self, label: str, samples: int) -> None:
        outputs = self._outputs(label)
        labels = self._labels(label)
        manifest = self._opened[label].manifest
        classes = len(manifest.classes) if manifest and manifest.classes else None
        parity.check_outputs(outputs, samples, classes, without_rows(self.folder(label)))
        scores = parity.scores_of(outputs, classes)
        if labels is not None and scores and labels.max(initial=0) >= outputs[scores].shape[1]:
            raise Failure(
                Outcome.BAD_INPUT,
                f"{self._inputs[label]}: labels up to {labels.max()}, but the output has only "
                f"{outputs[scores].shape[1]} classes",
            )

    def _outputs(self, label: str) -> Outputs:
        """What the survey left of an artifact, less what the user wants ignored."""
        outputs = read_outputs(self.folder(label))
        left = {name: a for name, a in outputs.items() if name not in self.plan.ignored}
        if not left:
            raise Failure(Outcome.BAD_INPUT, "--ignore leaves no output to compare")
        return left

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
        groups: dict[object, list[str]] = {}
        former = set(self.plan.pairs.values())
        for label in self._alive():
            if self._surveyed(label):
                # A former artifact is what others are compared with, whatever it holds.
                group = label if label in former else self._opened[label].weights
                groups.setdefault(group, []).append(label)
        judged = self._of_kind("parity")
        for members in groups.values():
            waiting = [label for label in members if label not in judged]
            if not waiting:
                continue
            # If judging was cut off, it goes on with the reference that it began with.
            before = [judged[label]["reference"] for label in members if label in judged]
            reference = before[0] if before else self._reference(members)
            expected = self._outputs(reference)
            noise = self._noise(reference, expected) if len(members) > 1 else {}
            # The reference last: what others share with it excuses what is not finite in it.
            for label in sorted(waiting, key=lambda label: label == reference):
                try:
                    self._judge_one(label, reference, expected, noise)
                except Failure as failure:
                    self._fail(label, failure)
        self._compare_pairs()

    def _compare_pairs(self) -> None:
        """Compare the outputs of artifacts with those of the former ones; that ends none."""
        compared = self._of_kind("pair")
        for label, former in self.plan.pairs.items():
            if label in compared or not {label, former} <= set(
                filter(self._surveyed, self._alive())
            ):
                continue
            expected = self._outputs(former)
            try:
                outputs, _ = self._paired(label, former, expected)
                limits = self._tolerances(label, former, expected, {})
                result = parity.compare(outputs, expected, limits, absolute=self.plan.absolute)
            except Failure as failure:
                result = {"passed": False, "reason": failure.reason}
            self.store.add("pair", artifact=label, former=former, **result)

    def _reference(self, members: list[str]) -> str:
        """The user's choice, or the training's own format; rather one that is finite."""
        if self.plan.reference in members:
            return str(self.plan.reference)
        order = sorted(members, key=lambda label: not self._is_native(label))
        well = (label for label in order if self._is_finite(label))
        return next(well, order[0])

    def _is_native(self, label: str) -> bool:
        manifest = self._opened[label].manifest
        return bool(
            manifest and manifest.native and manifest.framework == manifest.weights.get("framework")
        )

    def _is_finite(self, label: str) -> bool:
        return all(finite(array).all() for array in self._outputs(label).values())

    def _precisions(self, label: str) -> list[str]:
        """Of an artifact: what its manifest says, or the types of its inputs and outputs."""
        manifest = self._opened[label].manifest
        if manifest and parity.step_of(manifest.precision) is not None:
            return [manifest.precision]
        signature = self._of_kind("survey")[label]["load"]["signature"]
        return [spec["dtype"] for side in signature.values() for spec in side]

    def _noise(self, reference: str, expected: Outputs) -> dict[str, float]:
        """By how much the reference differs from itself, in a fresh process, run otherwise.

        Fewer samples a call and one thread have the same sums added in another order. It is
        measured once a run, and not where the user gives a tolerance.
        """
        if self.plan.tolerance is not None:
            return {}
        known = self._of_kind("noise").get(reference)
        if known is None:
            try:
                found = self._run_otherwise(reference, expected)
            except Failure as failure:
                found = {"differences": {}, "failed": failure.reason}
            known = self.store.add("noise", artifact=reference, **found)
        return {k: v for k, v in known["differences"].items() if v is not None}

    def _run_otherwise(self, reference: str, expected: Outputs) -> dict[str, Any]:
        survey = self._of_kind("survey")[reference]
        only = survey["inputs"]["only_batch"]
        samples = survey["predict"]["samples"]
        batch = only or min(self._protocol.batch, samples)
        # Where state is kept, calls of another size would be another sequence.
        split = batch if only or self._repeats(reference) else max(1, batch // 2)
        count = samples if only else min(samples, 4 * batch)
        folder = self.folder(reference) / "noise"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with self._process(reference, "noise", threads=1) as worker:
            worker.start()
            worker.ask("load")
            worker.ask("inputs", **self._inputs_of(reference))
            worker.ask("predict", batch=split, outputs=str(folder.resolve()), samples=count)
        again = read_outputs(folder)
        uneven = without_rows(folder) | without_rows(self.folder(reference))
        found: dict[str, float | None] = {}
        for name, array in expected.items():
            if name in uneven and (split != batch or count != samples):
                continue
            first = array if name in uneven else array[:count]
            if name not in again or again[name].shape != first.shape:
                found[name] = None
                continue
            largest = float(differences(again[name], first).max(initial=0.0))
            found[name] = largest if np.isfinite(largest) else None
        return {"differences": found, "batch": split, "threads": 1, "samples": count}

    def _tolerances(
        self, label: str, reference: str, expected: Outputs, noise: Mapping[str, float]
    ) -> dict[str, parity.Tolerance]:
        precisions = [*self._precisions(label), *self._precisions(reference)]
        return parity.tolerances(expected, precisions, given=self.plan.tolerance, noise=noise)

    def _repeats(self, label: str) -> dict[str, float | None]:
        """The outputs that a second call on the same inputs changed, and by how much."""
        outputs = self._outputs(label)
        limits = self._tolerances(label, label, outputs, {})
        changed = self._of_kind("survey")[label]["repeat"]["differences"]
        return {
            name: changed[name]
            for name in outputs
            if changed[name] is None or changed[name] > limits[name].value
        }

    def _judge_one(
        self, label: str, reference: str, expected: Outputs, noise: Mapping[str, float]
    ) -> None:
        outputs, notes = expected, list(self._of_kind("survey")[label]["inputs"]["notes"])
        if label != reference:
            outputs, paired = self._paired(label, reference, expected)
            notes += paired
            parity.check_finite(outputs, expected)
            parity.check_as_finite(outputs, expected, reference)
        elif not any(r["reference"] == reference for r in self._of_kind("parity").values()):
            parity.check_finite(outputs)
        classes = self._classes(label) or self._classes(reference)
        result = parity.compare(
            outputs,
            expected,
            self._tolerances(label, reference, expected, noise),
            absolute=self.plan.absolute,
            classes=classes,
        )
        changed = self._repeats(label)
        if changed:
            notes.append(_repeat_note(changed))
        labels = self._labels(label)
        scores = parity.scores_of(expected, len(classes) or None)
        metrics = correct = difference = None
        if labels is not None and scores and len(labels) == len(expected[scores]):
            metrics = parity.seven_metrics(outputs[scores], labels)
            right, wanted = (a[scores].argmax(axis=1) == labels for a in (outputs, expected))
            correct = answers.pack(right)
            difference = asdict(paired_difference(right, wanted))
            for one in result["differing"]:
                true = int(labels[one["sample"]])
                one["true"] = classes[true] if true < len(classes) else str(true)
        self.store.add(
            "parity",
            artifact=label,
            reference=reference,
            **result,
            metrics=metrics,
            correct=correct,
            probe=answers.probe(outputs),
            accuracy_difference=difference,
            notes=notes,
            repeats=not changed,
            doubts=parity.doubts(expected) if label == reference else [],
        )

    def _paired(self, label: str, reference: str, expected: Outputs) -> tuple[Outputs, list[str]]:
        """The outputs as the reference calls them, and notes of what was not said by names."""
        outputs = self._outputs(label)
        signature = Signature.of(self._of_kind("survey")[label]["load"]["signature"])
        inputs = [spec.name for spec in signature.inputs]
        try:
            _, rules = rules_for(self.plan.wishes.rules, label, inputs, list(outputs))
        except MapError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        paired, pairs = parity.pair_outputs(outputs, expected, rules, label, reference)
        return paired, [
            f"{one.name}: compared with '{one.other}' ({one.note})" for one in pairs if one.note
        ]

    def _classes(self, label: str) -> tuple[str, ...]:
        manifest = self._opened[label].manifest
        return manifest.classes if manifest else ()

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
                    self._inputs_of(label),
                )
            generation.turns(partial(self._burst, index))

    def _points(self, label: str) -> tuple[Point, ...]:
        survey = self._of_kind("survey")[label]
        only = survey["inputs"]["only_batch"]
        if only:  # the inputs allow no other
            return tuple(dict.fromkeys(replace(p, batch=only) for p in self.plan.protocol.points))
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

    def _timed_difference(self, label: str, rows: list[int], folder: Path) -> float | None:
        """The largest difference of a timed call's outputs from those of the survey.

        None where they cannot be the same: the model keeps a state, or outputs have no samples.

        Raises:
            Failure: it is not what the survey was judged by.
        """
        if self._of_kind("survey")[label]["inputs"]["looped"] or self._repeats(label):
            return None
        left_out = without_rows(folder) | without_rows(self.folder(label)) | {*self.plan.ignored}
        timed, surveyed = (
            {name: array for name, array in read_outputs(where).items() if name not in left_out}
            for where in (folder, self.folder(label))
        )
        if not timed:
            return None
        surveyed = parity.take(surveyed, rows)
        parity.check_outputs(timed, len(rows), None)
        parity.check_finite(timed, surveyed)
        result = parity.compare(timed, surveyed, self._tolerances(label, label, surveyed, {}))
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


def _repeat_note(changed: Mapping[str, float | None]) -> str:
    """What is said of a model that does not repeat itself."""
    by = [f"'{name}'" + (f" by {v:.2g}" if v is not None else "") for name, v in changed.items()]
    return (
        f"a second call on the same inputs gave other outputs ({', '.join(by)}): it keeps a state "
        "or draws random numbers; what is compared is what it gave first, from a fresh load"
    )


def _file_name(label: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", label)
    if name == label:
        return name
    # "a/m" and "a m" are two artifacts.
    return f"{name}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
