"""The controller: a run from its preflight to its verdicts, one outcome an artifact."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from ..artifacts.artifact import Artifact, open_artifact
from ..artifacts.files import sha256_of
from ..artifacts.integrity import check_files
from ..errors import ArtifactError, InputError
from ..formats.registry import FORMATS
from ..inputs import random
from ..inputs.random import UnderspecifiedSignatureError
from ..outcome import Failure, Outcome
from ..parity.checks import check_outputs
from ..parity.comparing import scores_of
from ..records.store import Store
from ..results.queries import resolution
from ..results.summarizing import summarize
from ..runtimes.registry import runtimes_for
from ..sandbox.trust import admit
from ..system import machine, nvml
from ..tensors.outputs import without_rows
from ..tensors.signature import Signature
from ..worker.client import WorkerProcess
from ..workload import Workload
from . import roofline, stopping
from .generation import Generation
from .gpu_memory import GpuMemory
from .grouping import CARD_SHARE, HOST_SHARE, grouped, needs
from .operations import flops_per_sample
from .parity_stage import ParityStage
from .placement import check_device
from .plan import Plan
from .run_context import RunContext
from .warm_up import SPIN_UP_LIMIT_S, SPIN_UP_S, WARM_UP_S, Clock, warmed_up


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
        self._context = RunContext(plan, store)
        self._parity = ParityStage(self._context)
        self._tell = tell
        self._began = time.monotonic()
        self._before_s = 0.0  # spent by the parts of a run that is resumed
        self._free = psutil.virtual_memory().available
        self._card = nvml.find(plan.card) if plan.device == "cuda" else None
        memory = self._card.memory() if self._card else None
        self._free_on_card = memory.free if memory else None
        # The fake runtime stands for a card where there is none.
        self._clock: Clock | None = self._sm_mhz if plan.device == "cuda" else None

    def run(self, command: list[str]) -> None:
        """Open, preflight, measure and compare all artifacts.

        Ctrl-C ends it early, with what there is.

        Raises:
            InputError: the inputs cannot be read, or are not what a resumed run began with.
            OSError: the results cannot be written; what was written before stays.
        """
        now = {"command": command, "environment": machine.describe()}
        inputs = self._context.plan.inputs_sha256()
        if self._context.store.records:
            self._recall(inputs)
            self._context.store.add("resume", **now, protocol=asdict(self._context.plan.protocol))
        else:
            self._context.store.add(
                "run", **now, **self._context.plan.describe(), inputs_sha256=inputs
            )
        interrupted, why = True, "interrupted"
        try:
            for label, path in self._context.plan.artifacts:
                if label not in self._context.ended:
                    self._open(label, path)
            self._measure_roofline()
            self._run_preflights()
            self._parity.run()
            why = self._generations()
            self._measure_roofline()
            interrupted = False
        except KeyboardInterrupt:
            if all(map(self._context.has_preflight, self._context.alive())):
                self._parity.run()
        self._conclude()
        self._context.store.add("end", interrupted=interrupted, reason=why, seconds=self._elapsed())

    def _elapsed(self) -> float:
        return self._before_s + time.monotonic() - self._began

    def _conclude(self) -> None:
        """Give every artifact that was measured to the end its outcome."""
        compared, before = self._context.of_kind("parity"), self._context.of_kind("outcome")
        for label in self._context.alive():
            if label not in compared or label in before:  # one that is resumed has it already
                continue
            outcome, reason = Outcome.OK, ""
            if not compared[label]["passed"]:
                outcome = Outcome.PARITY_FAIL
                anchor = compared[label].get("anchor")
                against = f"{anchor} on the CPU" if anchor else compared[label]["reference"]
                reason = (
                    f"differs from {against} by "
                    f"{compared[label]['largest_difference']:.2g}, more than "
                    f"{compared[label]['tolerance']:g}"
                )
            self._context.store.add(
                "outcome", artifact=label, outcome=outcome, reason=reason, early=False
            )

    def _recall(self, inputs_sha256: str | None) -> None:
        """Take up what the earlier parts of a resumed run came to."""
        if self._context.store.records[0]["inputs_sha256"] != inputs_sha256:
            raise InputError(
                f"{self._context.plan.inputs}: altered since the run began; start a new one"
            )
        drawn = next(iter(self._context.of_kind("random").values()), None)
        kept = self._context.store.folder / "inputs.npz"
        if drawn and (not kept.is_file() or sha256_of(kept) != drawn["sha256"]):
            raise InputError(f"{kept}: altered since the run began; start a new one")
        self._context.ended = {
            label for label, record in self._context.of_kind("outcome").items() if record["early"]
        }
        self._before_s = max(
            (r.get("elapsed_s", 0.0) for r in self._context.store.records), default=0.0
        )

    # Opening

    def _open(self, label: str, path: Path) -> None:
        known = self._context.of_kind("artifact").get(label)
        told = {}
        try:
            artifact = open_artifact(path, label)
            told = {"format": artifact.format}
            if not runtimes_for(artifact.format):
                raise ArtifactError(
                    f"{path}: no runtime for the format '{artifact.format}' "
                    f"(there are {', '.join(FORMATS)})"
                )
            check_files(artifact)
            sha256 = admit(artifact, self._context.plan.trusted)
            if known and known["sha256"] != sha256:
                raise ArtifactError(f"{path}: altered since the run began; start a new one")
        except (ArtifactError, Failure) as error:
            if not known:
                self._context.store.add(
                    "artifact", artifact=label, path=str(path), sha256=None, **told
                )
            self._context.end(label, Outcome.LOAD_ERROR, str(error))
            return
        manifest = asdict(artifact.manifest) if artifact.manifest else None
        if not known:
            self._context.store.add(
                "artifact",
                artifact=label,
                path=str(path),
                format=artifact.format,
                bytes=artifact.bytes,
                sha256=sha256,
                manifest=manifest and {k: v for k, v in manifest.items() if k != "files"},
            )
        if label in self._context.plan.unsupported:
            self._context.end(label, Outcome.UNSUPPORTED, self._context.plan.unsupported[label])
            return
        try:
            self._context.inputs[label] = self._find_inputs(artifact)
            self._context.artifacts[label] = artifact
        except InputError as error:
            self._context.end(label, Outcome.BAD_INPUT, str(error))

    def _find_inputs(self, artifact: Artifact) -> Path:
        if self._context.plan.inputs:
            return self._context.plan.inputs
        if self._context.plan.random:
            return self._context.store.folder / "inputs.npz"
        stated = artifact.manifest.evaluation if artifact.manifest else None
        if stated is None:
            raise InputError(
                f"{artifact.path}: names no inputs; give some with --inputs FILE.npz, or have them "
                "made up with --random 0"
            )
        try:
            path = (artifact.path / stated["file"]).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a name with a zero
            raise InputError(
                f"{artifact.path}: names inputs that lead nowhere ({error}); give inputs with "
                "--inputs FILE.npz"
            ) from None
        if not path.is_file():
            raise InputError(
                f"{path}: missing; export again, or give inputs with --inputs FILE.npz"
            )
        if sha256_of(path) != stated["sha256"]:
            raise InputError(f"{path}: altered since {artifact.label} was exported; export again")
        return path

    def _measure_roofline(self) -> None:
        """Measure what the device could do at best; a run goes on without it."""
        # It is compared with arithmetic that only the graphs of ONNX tell.
        if not any(
            self._context.artifacts[label].format == "onnx" for label in self._context.alive()
        ):
            return
        plan = self._context.plan
        found = roofline.measure(
            plan.device,
            threads=plan.threads,
            card=plan.card,
            pythons=sorted({s["python"] for s in plan.setups.values() if "python" in s}),
            timeout_s=plan.timeout_s,
        )
        self._context.store.add("roofline", **found)

    # Preflight

    def _run_preflights(self) -> None:
        waiting = [
            label for label in self._context.alive() if not self._context.has_preflight(label)
        ]
        later: dict[str, str] = {}
        for number, label in enumerate(waiting):
            self._tell(Progress(f"preflight {number + 1}/{len(waiting)}: {label}", self._share()))
            try:
                self._preflight(label)
            except UnderspecifiedSignatureError as error:
                later[label] = str(error)  # the signature of another may tell
            except Failure as failure:
                self._context.fail(label, failure)
        for label, reason in later.items():
            try:
                if not self._context.of_kind("random"):
                    raise Failure(Outcome.BAD_INPUT, reason)
                self._preflight(label)
            except Failure as failure:
                self._context.fail(label, failure)

    def _preflight(self, label: str) -> None:
        """Take what is paid once, and the outputs: in order, from a process that did nothing else.

        Only what comes after the outputs may change a state that the model keeps.
        """
        protocol = self._context.protocol
        limit_s = protocol.warm_up_limit_s
        shutil.rmtree(self._context.folder(label), ignore_errors=True)  # of one that was cut off
        memory = GpuMemory(self._card)
        with self._context.process(label, "preflight") as worker:
            record: dict[str, Any] = {"start": worker.start(), "pid": worker.pid}
            record["load"] = worker.ask("load")
            memory.look(worker)
            if self._context.plan.random and not self._context.of_kind("random"):
                self._make_up_inputs(label, Signature.of(record["load"]["signature"]))
            record["inputs"] = worker.ask("inputs", **self._context.inputs_of(label))
            batch = record["inputs"]["only_batch"] or protocol.batch
            record["first_call"] = worker.ask("first_call", batch=batch)
            check_device(record["first_call"]["placement"], self._context.plan.device)
            memory.look(worker)
            folder = str(self._context.folder(label).resolve())
            record["predict"] = worker.ask("predict", batch=batch, outputs=folder)
            check_device(record["predict"]["placement"], self._context.plan.device)
            memory.look(worker)
            record["repeat"] = worker.ask("repeat", batch=batch)
            record["check"] = worker.ask("check", batch=batch)
            if record["check"]["unfinished"]:
                raise Failure(
                    Outcome.PARITY_FAIL,
                    f"returns before it is finished: {record['check']['unfinished']}",
                )
            record["warm_up"] = self._warm(worker, Workload(batch))
            memory.look(worker)
            record |= memory.record(worker)
            if self._context.plan.device == "cuda":
                batches = [batch] if record["inputs"]["only_batch"] else [batch, 1]
                record["device_time"] = worker.ask("device_time", batches=batches)
            record["footprint"] = worker.ask("footprint")
            if "sweep" in protocol.scenarios and not record["inputs"]["only_batch"]:
                record |= self._sweep(worker, memory, limit_s)
        if self._context.artifacts[label].format == "onnx":
            record["flops_per_sample"] = flops_per_sample(
                self._context.artifacts[label].payload, record["load"]["signature"]["inputs"]
            )
        self._check_outputs(label, record["predict"]["samples"])
        self._context.store.add("survey", artifact=label, elapsed_s=self._elapsed(), **record)

    def _sweep(self, worker: WorkerProcess, memory: GpuMemory, limit_s: float) -> dict[str, Any]:
        """Have growing batches timed, after all else: one that is too large may end the process."""
        patience_s = self._context.plan.timeout_s / 2
        try:
            found = worker.ask("sweep", limit_s=limit_s, patience_s=patience_s)
            memory.look(worker)
            held = memory.record(worker).values()
        except Failure as failure:
            return {"sweep": {"samples_per_s": {}, "ended": failure.reason, "no_memory": None}}
        return {"sweep": found, "gpu_swept_bytes": max(filter(None, held), default=None)}

    def _make_up_inputs(self, label: str, signature: Signature) -> None:
        """Draw the random inputs of the run from the first signature that tells enough."""
        assert self._context.plan.random
        manifest = self._context.artifacts[label].manifest
        stated = asdict(manifest.signature) if manifest else None
        try:
            arrays, notes = random.generate(
                self._context.plan.random, signature, stated, self._context.plan.wishes, label
            )
        except UnderspecifiedSignatureError:
            raise
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        random.write(self._context.inputs[label], arrays)
        self._context.store.add(
            "random", artifact=label, notes=notes, sha256=sha256_of(self._context.inputs[label])
        )

    def _check_outputs(self, label: str, samples: int) -> None:
        outputs = self._context.outputs(label)
        labels = self._context.labels(label)
        manifest = self._context.artifacts[label].manifest
        classes = len(manifest.classes) if manifest and manifest.classes else None
        check_outputs(outputs, samples, classes, without_rows(self._context.folder(label)))
        scores = scores_of(outputs, classes)
        if labels is not None and scores and labels.max(initial=0) >= outputs[scores].shape[1]:
            raise Failure(
                Outcome.BAD_INPUT,
                f"{self._context.inputs[label]}: labels up to {labels.max()}, but the output has "
                f"only {outputs[scores].shape[1]} classes",
            )

    # Generations

    def _generations(self) -> str:
        """Measure generation after generation; return why the last one was the last."""
        while True:
            groups = self._together()
            if not groups:
                return "no artifact was left to measure"
            before = self._complete()
            status = stopping.RunStatus(
                generations=len(before),
                elapsed_s=self._elapsed(),
                generation_s=max(before, default=0.0),
                compared=sum(len(group) - 1 for group in groups),
                resolution=resolution(self._context.store.records),
            )
            why = stopping.stop_reason(self._context.plan.protocol, status)
            if why:
                return why
            begin = time.monotonic()
            for group in groups:
                self._generation(group)
            self._context.store.add(
                "generation", seconds=time.monotonic() - begin, elapsed_s=self._elapsed()
            )

    def _complete(self) -> list[float]:
        """Seconds that each of the generations took that were measured to the end."""
        return [r["seconds"] for r in self._context.store.records if r["kind"] == "generation"]

    def _together(self) -> list[list[str]]:
        """The artifacts in groups that fit into memory together, each with its reference.

        Only artifacts with the same reference are measured together.
        """
        preflights = self._context.of_kind("survey")
        references = summarize(self._context.store.records).speed_references
        families: dict[str, list[str]] = {}
        for label in self._context.alive():
            if label in preflights:
                families.setdefault(references[label], []).append(label)

        room = (self._free * HOST_SHARE, self._free_on_card and self._free_on_card * CARD_SHARE)
        need = {label: needs(preflight) for label, preflight in preflights.items()}
        apart = self._context.of_kind("apart").keys()
        return [
            group
            for reference, labels in families.items()
            for group in grouped(
                labels, reference if reference in labels else labels[0], need, room, apart
            )
        ]

    def _generation(self, labels: list[str]) -> None:
        index = 1 + max(
            (r["generation"] for r in self._context.store.records if r["kind"] == "start"),
            default=-1,
        )
        points = {label: self._points(label) for label in labels}
        with Generation(
            index,
            self._context.protocol,
            points,
            seed=self._context.plan.seed,
            add=self._context.store.add,
            fail=partial(self._fail_beside, len(labels)),
            warm=self._warm,
        ) as generation:
            for label in labels:
                self._say(f"starting {label}")
                generation.start(
                    label,
                    partial(self._context.process, label, str(index)),
                    self._context.inputs_of(label),
                )
            generation.turns(partial(self._burst, index))

    def _fail_beside(self, alive: int, label: str, failure: Failure) -> None:
        """Take note of an artifact that failed with so many alive; or measure it apart from now.

        Those that are stopped keep what they hold on the card. What had enough there alone, in the
        preflight, is tried again with nothing but the reference beside it.
        """
        beside = failure.outcome == Outcome.OUT_OF_MEMORY and self._context.plan.device == "cuda"
        if beside and alive > 2 and label not in self._context.of_kind("apart"):
            self._context.store.add("apart", artifact=label, reason=failure.reason)
            return
        if beside and alive > 1:
            failure = Failure(
                failure.outcome,
                f"{failure.reason} (beside {alive - 1} other; alone it had enough, in preflight)",
            )
        self._context.fail(label, failure)

    def _sm_mhz(self) -> float | None:
        return self._card.sm_mhz if self._card else None

    def _warm(self, worker: WorkerProcess, point: Workload) -> dict[str, Any]:
        """Have a worker warmed up for a kind of call."""
        least_s = WARM_UP_S if self._clock else 0.0
        limit_s = self._context.protocol.warm_up_limit_s
        # With pauses between calls a clock may never rest.
        clock = None if point.gap_s else self._clock
        return warmed_up(worker, point.call, limit_s, least_s=least_s, clock=clock)

    def _points(self, label: str) -> tuple[Workload, ...]:
        preflight = self._context.of_kind("survey")[label]
        only = preflight["inputs"]["only_batch"]
        if only:  # the inputs allow no other
            return tuple(
                dict.fromkeys(replace(p, batch=only) for p in self._context.plan.protocol.points)
            )
        sweep = preflight.get("sweep", {})
        batches = list(map(int, sweep.get("samples_per_s", ())))
        if self._context.plan.device == "cuda" and sweep.get("no_memory"):
            # Half of the batch that there was no memory for may take more than half of the card,
            # and the reference is there too.
            batches = [batch for batch in batches if batch <= sweep["no_memory"] // 4]
        points = tuple(
            dict.fromkeys((*self._context.plan.protocol.points, *map(Workload, batches)))
        )
        # A sweep alone, of which nothing is left.
        return points or (Workload(self._context.protocol.batch),)

    def _burst(
        self,
        index: int,
        label: str,
        point: Workload,
        turn: int,
        worker: WorkerProcess,
        calls: int | None,
    ) -> dict[str, Any]:
        self._say(f"turn {turn + 1}/{self._context.plan.protocol.bursts}  {label}, {point.name}")
        last = turn == self._context.plan.protocol.bursts - 1
        folder = self._context.folder(label) / "timed"
        if last:
            folder.mkdir(exist_ok=True)
        spin_up = None
        if self._clock and not point.gap_s:  # a service that waits between calls finds it so
            spin_up = warmed_up(
                worker, point.call, SPIN_UP_LIMIT_S, least_s=SPIN_UP_S, clock=self._clock
            )
        # The worker waits for what it is asked while the card is read.
        before = self._card.sample() if self._card else None
        answer = worker.ask(
            "burst",
            batch=point.batch,
            calls=calls,
            first=(index * self._context.plan.protocol.bursts + turn) * (calls or 0),
            gap_s=point.gap_s,
            boundary=point.boundary,
            outputs=str(folder.resolve()) if last else None,
        )
        if self._card and before:
            answer["gpu"] = nvml.burst(before, self._card.sample())
        if last:
            worker.stop()
            answer["difference"] = self._parity.timed_difference(label, answer.pop("rows"), folder)
        if spin_up:
            answer["spin_up"] = spin_up
        return answer | {"elapsed_s": self._elapsed()}

    def _say(self, doing: str) -> None:
        self._tell(Progress(f"generation {len(self._complete()) + 1}: {doing}", self._share()))

    def _share(self) -> float:
        protocol = self._context.plan.protocol
        if protocol.budget_s:
            return min(1.0, self._elapsed() / protocol.budget_s)
        done = len(self._complete()) + bool(self._context.of_kind("parity"))
        return min(1.0, done / ((protocol.generations or 1) + 1))
