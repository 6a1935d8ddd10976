"""Provoke failures: each must give its outcome, and leave the machine unchanged."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...cli import main
from ...inputs.worker_inputs import WorkerInputs
from ...outcome import Failure, Outcome
from ...sandbox import trust
from ...sandbox.artifact_reader import check_files, open_artifact
from ...system import nvml
from ...system.visible_cards import variables_for_card
from ...worker import messages
from ...worker.client import WorkerProcess
from ..self_test.known_artifacts import write_fake, write_inputs
from .inputs import inputs_of
from .setting import PROBLEM, Setting, StageError

Result = dict[str, Any]
_ON_CPU = Path(__file__).with_name("torch_on_cpu.py")
_HOLDER = Path(__file__).with_name("hold_memory.py")
# What is left free of the card's memory, that no runtime fits into.
_LEFT_BYTES = 64 << 20
# A card's memory that comes back when a process has been ended may lack so much: others use it too.
_SLACK_BYTES = 64 << 20
_CALLED = {"cpu": "the CPU", "cuda": "a card"}
# Seconds for which a disturbed worker calls, and within which it must answer.
_CALLS_S, _SOON_S = 2.0, 4.0


def provoke(setting: Setting) -> Result:
    """Provoke failures: each must come to its outcome, and leave the machine as it was."""
    first = setting.artifacts[0]
    failures: Result = {
        f"{first.name} killed": _provoked(setting, first, signal.SIGKILL, "crash"),
        f"{first.name} stopped": _provoked(setting, first, signal.SIGSTOP, "hang"),
    }
    failures |= _wrong_device(setting)
    if setting.device == "cuda":
        with _memory_held(setting.card, _LEFT_BYTES) as held:
            for path in setting.artifacts:
                ended = _outcome(setting, path, lambda worker: None)
                failures[f"{path.name} without memory"] = (
                    {"expected": "out_of_memory"} | ended | held
                )
    unlike = [name for name, result in failures.items() if not _as_expected(result)]
    problem = f"not as expected: {', '.join(unlike)}" if unlike else ""
    return {"provoked": failures, PROBLEM: problem}


def _as_expected(result: Result) -> bool:
    """Whether a failure came to its outcome and left the machine as it was."""
    again, memory = result.get("next_process", Outcome.OK), result.get("memory_came_back", True)
    return (result["outcome"], again, memory) == (result["expected"], Outcome.OK, True)


def _provoked(setting: Setting, path: Path, number: signal.Signals, expected: str) -> Result:
    """Send a signal to a worker in the middle of its calls."""
    before = _free_bytes(setting)

    def later(worker: WorkerProcess) -> None:
        threading.Timer(0.5, lambda: os.killpg(worker.pid, number)).start()

    result = {"expected": expected, **_outcome(setting, path, later, timeout_s=_SOON_S)}
    again = _outcome(setting, path, lambda worker: None)
    after = _free_bytes(setting)
    if before is not None and after is not None:
        result["memory_came_back"] = after >= before - _SLACK_BYTES
    return result | {"next_process": again["outcome"]}


def _free_bytes(setting: Setting) -> int | None:
    """What the card has free; None without one, or where it is not told."""
    card = nvml.find(setting.card) if setting.card else None
    memory = card.memory() if card else None
    return memory.free if memory else None


def _outcome(
    setting: Setting,
    path: Path,
    disturb: Callable[[WorkerProcess], None],
    timeout_s: float = 120.0,
) -> Result:
    """The outcome of loading an artifact and calling it for two seconds while disturbed."""
    artifact = open_artifact(path)
    check_files(artifact)
    trust.require_trusted(artifact, (trust.EVERYTHING,))
    with tempfile.TemporaryDirectory(prefix="exportbench-") as folder:
        inputs = WorkerInputs(inputs_of(path, setting), Path(folder) / "inputs")
        try:
            with WorkerProcess(
                artifact,
                device=setting.device,
                card=setting.card,
                threads=setting.threads,
                scratch=Path(folder) / "scratch",
                log=Path(folder) / "log",
                timeout_s=120.0,
                inputs=inputs,
            ) as worker:
                worker.start()
                worker.load()
                worker.ask(messages.Inputs(path=str(inputs.path())))
                worker.ask(messages.FirstCall(batch=32))
                worker.timeout_s = timeout_s
                disturb(worker)
                worker.ask(messages.WarmUp(batch=32, limit_s=_CALLS_S, least_s=_CALLS_S))
        except Failure as failure:
            return {"outcome": failure.outcome, "reason": failure.reason}
    return {"outcome": "ok", "reason": ""}


def _wrong_device(setting: Setting) -> dict[str, Result]:
    """Models that run elsewhere than they are asked to, and say so."""
    elsewhere = "cpu" if setting.device == "cuda" else "cuda"
    with tempfile.TemporaryDirectory(prefix="exportbench-") as folder:
        here = Path(folder)
        (_, fake), *_ = write_fake(here / "fake", device=elsewhere)
        made = {f"a model that answers from {_CALLED[elsewhere]}": fake}
        if setting.device == "cuda" and importlib.util.find_spec("torch") is not None:
            path = here / "on-cpu.pt"
            subprocess.run([sys.executable, str(_ON_CPU), str(path)], check=True)
            made["a TorchScript program that calculates on the CPU"] = path
        return {what: _run_elsewhere(path, here, setting) for what, path in made.items()}


def _run_elsewhere(path: Path, folder: Path, setting: Setting) -> Result:
    inputs, summary = folder / "inputs.npz", folder / "summary.json"
    write_inputs(inputs)
    arguments = ["run", str(path), "--inputs", str(inputs), "--device", setting.wanted, "--trust"]
    main.main([*arguments, "--out", str(folder / "runs"), "--json", str(summary)])
    (row,) = json.loads(summary.read_text())["rows"]
    return {"expected": "wrong_device", "outcome": row["outcome"], "reason": row["reason"]}


@contextlib.contextmanager
def _memory_held(card: str | None, left: int) -> Iterator[dict[str, int]]:
    """Let another process hold all of a card's memory except `left` bytes."""
    holder = subprocess.Popen(
        [sys.executable, "-I", str(_HOLDER), str(left)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | variables_for_card(card),
    )
    try:
        assert holder.stdout and holder.stderr
        line = holder.stdout.readline()
        if not line:
            raise StageError(f"the card's memory cannot be held: {holder.stderr.read().strip()}")
        yield json.loads(line)
    finally:
        holder.kill()
        holder.wait()
