"""A check, stage after stage: each in a process of its own, and its result kept at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...artifacts.artifact import Artifact
from ...artifacts.discovery import discover
from ...errors import ArtifactError
from ...sandbox import isolation
from ...sandbox.artifact_reader import open_artifact
from ...stderr import print_line
from .setting import EXPORTED, PROBLEM, Setting
from .stages import STAGES

INDEX = "gpu-check.json"
NO_CARD = "it needs a card, and this machine has none"
INTERRUPTED = "interrupted"
# A stage may take so much longer than planned before it is ended: what it began is worth more.
_LONGER, _LONGER_S = 2.0, 60.0
_TO_END_S = 20.0
_LEAST_S = 2.0

Job = tuple[str, list[Path]]  # name of a group, its artifacts


@dataclass(frozen=True)
class Done:
    """A finished stage.

    Attributes:
        name: of the stage, with the group of artifacts that it was about.
        what: it was to find out.
        status: "ok", "failed", "timed_out", "interrupted" or "left_out".
        reason: why it is not "ok", or what else is to be known.
        seconds: that it took.
        file: of its result, below the folder of the check; None without one.
    """

    name: str
    what: str
    status: str
    reason: str = ""
    seconds: float = 0.0
    file: str | None = None

    @property
    def stage(self) -> str:
        """Name of the stage alone."""
        return self.name.partition(" ")[0]


class Check:
    """Runs the stages in order, and collects their results.

    Args:
        setting: for all of them; its `seconds` are for the whole check.
        given: artifacts to measure in place of those that the check exports.
        tell: is told of the progress: what is done now, and the share that is over.
        only: the stages to do; None for all.
    """

    def __init__(
        self,
        setting: Setting,
        given: list[Path],
        tell: Callable[[str, float], None],
        only: Collection[str] | None = None,
    ) -> None:
        self.done: list[Done] = []
        self._setting = setting
        self._given = given
        self._only = STAGES.keys() if only is None else only
        self._tell = tell
        index = setting.out / INDEX
        # Of a check into the same folder, which stays where a stage is not asked for.
        self._before = (
            [Done(**entry) for entry in json.loads(index.read_text())] if index.exists() else []
        )
        self._interrupted = False
        self._variables: dict[str, str] = {}  # that later stages have beside their own
        self._end = time.monotonic() + setting.seconds

    def run(self) -> None:
        """Do all stages; what comes after Ctrl-C is left out."""
        names = list(STAGES)
        for number, name in enumerate(names):
            jobs = list(self._jobs(name))
            reason = self._why_left_out(name, jobs)
            before = [entry for entry in self._before if entry.stage == name]
            if name not in self._only and before:
                for entry in before:
                    self._add(entry)
                if name == "sandbox":
                    self._without_sandbox()
            elif reason:
                self._add(Done(name, STAGES[name].what, "left_out", reason))
            else:
                self._stage(name, jobs, names[number:])

    def _why_left_out(self, name: str, jobs: list[Job]) -> str:
        if self._interrupted:
            return "it was interrupted before"
        if name not in self._only:
            return "it was not asked for"
        if STAGES[name].needs_card and self._setting.device != "cuda":
            return NO_CARD
        if name == "export" and self._given:
            return "artifacts were given"
        return "" if jobs else "there is no artifact to do it with"

    def _stage(self, name: str, jobs: list[Job], left: list[str]) -> None:
        """Do a stage in its share of the time that is left."""
        stage = STAGES[name]
        weights = sum(STAGES[other].weight for other in left if other in self._only)
        seconds = max((self._end - time.monotonic()) * stage.weight / weights, _LEAST_S)
        for group, artifacts in jobs:
            if self._interrupted:
                return
            setting = replace(
                self._setting, seconds=seconds / len(jobs), artifacts=tuple(artifacts)
            )
            done = self._process(name, group, setting)
            self._interrupted = done.status == INTERRUPTED
            self._add(done)
        if name == "sandbox":
            self._without_sandbox()

    def _jobs(self, name: str) -> Iterator[Job]:
        """What a stage is done with: name and artifacts of each group."""
        if not STAGES[name].of_artifacts:
            yield "", self._given
            return
        groups: dict[str, list[Artifact]] = {}
        for artifact in self._artifacts():
            groups.setdefault(artifact.path.resolve().parent.name, []).append(artifact)
        if name == "measure":
            for group, members in groups.items():
                yield group, [artifact.path for artifact in members]
        elif groups:
            first = next(iter(groups.values()))
            formats = {artifact.format: artifact.path for artifact in reversed(first)}
            if name == "self-test":  # the format whose processes scatter the least
                yield "", [formats.get("onnx", first[0].path)]
            else:
                yield "", list(formats.values()) if name == "failures" else [a.path for a in first]

    def _artifacts(self) -> list[Artifact]:
        """Those that were given or exported, the group with the smallest inputs first."""
        opened = []
        for path in self._given or discover(self._setting.out / EXPORTED):
            try:
                opened.append(open_artifact(path))
            except ArtifactError as error:
                print_line(f"left out: {error}")

        def size(artifact: Artifact) -> int:
            signature = artifact.manifest and artifact.manifest.signature
            sizes = [n for spec in signature.inputs for n in spec.sizes] if signature else []
            return max((n for n in sizes if isinstance(n, int)), default=0)

        return sorted(opened, key=size)

    def _process(self, name: str, group: str, setting: Setting) -> Done:
        called = f"{name} {group}".strip()
        setting = replace(setting, name=called.replace(" ", "-"))
        self._tell(called, 1 - max(self._end - time.monotonic(), 0) / self._setting.seconds)
        file = setting.out / f"{setting.name}.json"
        file.unlink(missing_ok=True)
        begin = time.monotonic()
        with file.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    f"{__package__}.stage_process",
                    name,
                    setting.to_json(),
                    str(file),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self._variables,
                # Ctrl-C reaches it from here alone: a second one would end it without its result.
                start_new_session=True,
            )
            limit = setting.seconds * _LONGER + _LONGER_S
            status, reason = _wait(process, limit)
        seconds = time.monotonic() - begin
        result: dict[str, Any] = {}
        if file.exists():
            result = json.loads(file.read_text())
        if not status:
            status, reason = "ok", ""
            if "error" in result or not result:
                status = "failed"
                reason = result.get("error") or f"ended with status {process.returncode}"
                reason += f" ({file.with_suffix('.log').name})"
            elif result["result"].get(PROBLEM):
                status, reason = "failed", result["result"][PROBLEM]
        written = file.name if "result" in result else None
        if not written:
            file.unlink(missing_ok=True)
        if self._variables:
            reason = "; ".join(filter(None, (reason, "with the sandbox switched off")))
        return Done(called, STAGES[name].what, status, reason, seconds, written)

    def _add(self, done: Done) -> None:
        """Keep what came of a stage, on disk too."""
        self.done.append(done)
        text = json.dumps([asdict(entry) for entry in self.done], indent=1)
        index = self._setting.out / INDEX
        half = index.with_suffix(".partial")
        half.write_text(text + "\n")
        half.replace(index)

    def _without_sandbox(self) -> None:
        """Go on without the sandbox if that alone keeps CUDA from starting."""
        last = self.done[-1]
        if last.file is None:
            return
        layers = json.loads((self._setting.out / last.file).read_text())["result"]["layers"]
        starts = {case["layer"]: case["context"] for case in layers}
        if starts.get("none") and not starts.get("all"):
            self._variables[isolation.VARIABLE] = "off"


def _signal_all(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a stage and the processes of its session that are still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _wait(process: subprocess.Popen[bytes], limit_s: float) -> tuple[str, str]:
    """Wait for a stage; status and reason if it did not end by itself.

    A stage that is interrupted still writes what a run has measured. What it started ends with it:
    an exporter that went on would be in the way of what is measured next.
    """
    try:
        process.wait(limit_s)
        return "", ""
    except subprocess.TimeoutExpired:
        status, reason = (
            "timed_out",
            f"it had no end after {limit_s:.0f} s; a longer --budget gives it more",
        )
    except KeyboardInterrupt:
        status, reason = INTERRUPTED, "by Ctrl-C"
    _signal_all(process, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_TO_END_S)
    _signal_all(process, signal.SIGKILL)
    process.wait()
    return status, reason
