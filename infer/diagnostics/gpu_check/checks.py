"""What each stage of a check does: it finds out one thing and returns it as JSON takes it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...artifacts.artifact import open_artifact
from ...artifacts.discovery import discover
from ...artifacts.integrity import check_files
from ...cli import main
from ...exit_status import WRONG_USAGE
from ...inputs.loading import read_inputs
from ...measure.roofline import measure as measure_roofline
from ...outcome import Failure, Outcome
from ...records.codec import to_json
from ...records.events import BurstTimed, PreflightDone
from ...records.store import read_events
from ...runtimes.registry import RUNTIMES, runtimes_for
from ...sandbox import cuda_layers, trust
from ...system import machine as environment
from ...system import nvml
from ...system.visible_cards import seeing
from ...worker import messages
from ...worker.client import WorkerProcess
from ..doctor import runtime_state
from ..self_test import measured
from ..self_test_artifacts import copy_artifact, write_fake, write_inputs
from .setting import EXPORTED, PROBLEM, Setting, StageError

Result = dict[str, Any]
RUNS = "runs"
SIZES = (28, 64)
PRETRAINED = "artifacts/pretrained"
_ON_CPU = Path(__file__).with_name("torch_on_cpu.py")
_HOLDER = Path(__file__).with_name("hold_memory.py")
# What is left free of the card's memory, that no runtime fits into.
_LEFT_BYTES = 64 << 20
# A card's memory that comes back when a process has been ended may lack so much: others use it too.
_SLACK_BYTES = 64 << 20
_CALLED = {"cpu": "the CPU", "cuda": "a card"}
# How long a worker calls that is disturbed, and may take to answer.
_CALLS_S, _SOON_S = 2.0, 4.0
# Few turns leave time for generations, which intervals stand on.
_TURNS = 3
# Byte copies, two pairs, and generations of a trial.
_COPIES, _TRIAL = 4, 3
# What is kept of each burst on a card.
_OF_A_BURST = ("artifact", "workload", "elapsed_s", "gpu")


def machine(setting: Setting) -> Result:
    """The machine, its memory as it is now, and what of the environment matters."""
    names = ("CUDA", "NVIDIA", "XLA", "TF_", "TORCH", "JAX", "EXPORTBENCH")
    return {
        "environment": environment.describe(),
        "memory": _memory(),
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(names)},
    }


def _memory() -> dict[str, int]:
    import psutil

    memory = psutil.virtual_memory()
    return {"total_bytes": memory.total, "available_bytes": memory.available}


def sandbox(setting: Setting) -> Result:
    """Which layer of the sandbox, if any, keeps CUDA from starting."""
    layers = cuda_layers.cuda_by_layer(card=setting.card)
    cases = {one["layer"]: one for one in layers}
    problem = ""
    if not cases["none"]["context"]:
        problem = f"CUDA does not start, outside of the sandbox either: {cases['none']['error']}"
    elif not cases["all"]["context"]:
        problem = f"CUDA does not start in the sandbox: {cases['all']['error']}"
    return {"layers": layers, PROBLEM: problem}


def export(setting: Setting) -> Result:
    """Export the pretrained weights by all exporters whose frameworks are installed."""
    found = importlib.util.find_spec("export")
    if found is None or not found.origin:
        raise StageError("the exporters are not at hand: run it in a clone, or name artifacts")
    root = Path(found.origin).resolve().parents[1]
    weights = sorted((root / PRETRAINED).glob("*.safetensors"))
    command = [sys.executable, "-m", "export", *map(str, weights), "--size", *map(str, SIZES)]
    command += ["--out", str(setting.out / EXPORTED), "--format", "installed"]
    if setting.data_root:
        command += ["--data-root", str(setting.data_root)]
    else:
        command += ["--dataset", "synthetic"]  # which takes no download
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL)
    made = discover(setting.out / EXPORTED)
    if not made:
        raise StageError(f"no artifact could be exported (status {done.returncode})")
    problem = f"some could not be exported (status {done.returncode})" if done.returncode else ""
    return {"artifacts": [str(path) for path in made], PROBLEM: problem}


def runtimes(setting: Setting) -> Result:
    """The runtimes of the artifacts, or all: versions, what each can run on here, or why not."""
    formats = {open_artifact(path).format for path in setting.artifacts}
    names = [name for format_name in formats for name in runtimes_for(format_name)]
    names = [name for name in names or RUNTIMES if not RUNTIMES[name].for_tests]
    with (
        tempfile.TemporaryDirectory(prefix="exportbench-") as scratch,
        ThreadPoolExecutor(max_workers=setting.threads) as pool,
    ):
        states = list(
            pool.map(lambda name: runtime_state(name, Path(scratch) / name, setting.card), names)
        )
    return {state.name: asdict(state) for state in states}


def measure(setting: Setting) -> Result:
    """Time and compare artifacts: a batch and single calls, from the host and on the device."""
    return _run(setting, "--scenario", "batch", "single", "resident")


def tf32(setting: Setting) -> Result:
    """The same with TF32 allowed: what it brings, and how far outputs then differ."""
    return _run(setting, "--tf32", "--scenario", "batch")


def _run(setting: Setting, *options: str) -> Result:
    """A run of the runner: its summary, and what the summary leaves out."""
    summary = setting.out / RUNS / "summary.json"
    summary.parent.mkdir(parents=True, exist_ok=True)
    common = [*map(str, setting.artifacts), "--trust", "--device", setting.wanted]
    common += ["--threads", str(setting.threads), "--out", str(setting.out / RUNS)]
    common += ["--turns", str(_TURNS), "--budget", f"{setting.seconds:.0f}s"]
    if setting.inputs and _fits(setting.inputs, setting.artifacts):
        common += ["--inputs", str(setting.inputs)]
    if setting.memory_limit:
        common += ["--memory-limit", str(setting.memory_limit)]
    before = set((setting.out / RUNS).iterdir())
    status = main.main(["run", *common, *options, "--json", str(summary)])
    made = [path for path in (setting.out / RUNS).iterdir() if path.is_dir() and path not in before]
    if status == WRONG_USAGE or not made:
        raise StageError(f"nothing was measured (status {status})")
    shutil.copy(made[0] / "report.md", setting.out / f"{setting.name}.md")
    events = read_events(made[0])
    found = json.loads(summary.read_text() or "null")
    bad = [row for row in found["rows"] if row["outcome"] != Outcome.OK] if found else []
    return {
        PROBLEM: "; ".join(f"{row['artifact']}: {row['outcome']}: {row['reason']}" for row in bad),
        "run": made[0].name,
        "summary": found,
        "preflights": {
            event.artifact: {
                k: v for k, v in to_json(event).items() if k not in ("kind", "schema_version")
            }
            for event in events
            if isinstance(event, PreflightDone)
        },
        "clocks": [
            {name: to_json(getattr(event, name)) for name in _OF_A_BURST}
            for event in events
            if isinstance(event, BurstTimed) and event.gpu
        ],
    }


def sweep(setting: Setting) -> Result:
    """Time growing batches until throughput no longer grows."""
    return _run(setting, "--scenario", "sweep", "--burst", "0.05s")


def self_test(setting: Setting) -> Result:
    """Compare byte copies of an artifact with each other: false alarms and resolution."""
    (artifact,) = setting.artifacts
    with tempfile.TemporaryDirectory(prefix="exportbench-") as folder:
        copies = copy_artifact(artifact, Path(folder), _COPIES)
        found = measured(
            f"copies of {artifact.name}",
            copies,
            _inputs_of(artifact, setting),
            setting.out / RUNS / time.strftime("self-test-%Y%m%d-%H%M%S"),
            budget_s=setting.seconds,
            batch=1,
            turns=_TURNS,
            threads=setting.threads,
            tell=lambda progress: None,
            device=setting.device,
            card=setting.card,
            trials=(_TRIAL,),
        )
    problem = (
        ""
        if found[0].comparisons
        else f"its time was too short for {_TRIAL} generations; give a longer --budget"
    )
    return {"verdicts": [asdict(one) for one in found], PROBLEM: problem}


def failures(setting: Setting) -> Result:
    """Provoke failures: each must come to its outcome, and leave the machine as it was."""
    first = setting.artifacts[0]
    found: Result = {
        f"{first.name} killed": _provoked(setting, first, signal.SIGKILL, "crash"),
        f"{first.name} stopped": _provoked(setting, first, signal.SIGSTOP, "hang"),
    }
    found |= _wrong_device(setting)
    if setting.device == "cuda":
        with _memory_held(setting.card, _LEFT_BYTES) as held:
            for path in setting.artifacts:
                came = _outcome(setting, path, lambda worker: None)
                found[f"{path.name} without memory"] = {"expected": "out_of_memory"} | came | held
    unlike = [name for name, one in found.items() if not _as_expected(one)]
    problem = f"not as expected: {', '.join(unlike)}" if unlike else ""
    return {"provoked": found, PROBLEM: problem}


def _as_expected(one: Result) -> bool:
    """Whether a failure came to its outcome and left the machine as it was."""
    again, memory = one.get("next_process", Outcome.OK), one.get("memory_came_back", True)
    return (one["outcome"], again, memory) == (one["expected"], Outcome.OK, True)


def _provoked(setting: Setting, path: Path, number: signal.Signals, expected: str) -> Result:
    """Send a signal to a worker in the middle of its calls."""
    before = _free_bytes(setting)

    def later(worker: WorkerProcess) -> None:
        threading.Timer(0.5, lambda: os.killpg(worker.pid, number)).start()

    found = {"expected": expected, **_outcome(setting, path, later, timeout_s=_SOON_S)}
    again = _outcome(setting, path, lambda worker: None)
    after = _free_bytes(setting)
    if before is not None and after is not None:
        found["memory_came_back"] = after >= before - _SLACK_BYTES
    return found | {"next_process": again["outcome"]}


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
    """What comes of loading an artifact and calling it for two seconds, disturbed."""
    artifact = open_artifact(path)
    check_files(artifact)
    trust.admit(artifact, (trust.EVERYTHING,))
    with tempfile.TemporaryDirectory(prefix="exportbench-") as folder:
        try:
            with WorkerProcess(
                artifact,
                device=setting.device,
                card=setting.card,
                threads=setting.threads,
                scratch=Path(folder) / "scratch",
                log=Path(folder) / "log",
                timeout_s=120.0,
            ) as worker:
                worker.start()
                worker.ask(messages.Load())
                worker.ask(messages.Inputs(path=str(_inputs_of(path, setting).resolve())))
                worker.ask(messages.FirstCall(batch=32))
                worker.timeout_s = timeout_s
                disturb(worker)
                worker.ask(messages.WarmUp(batch=32, limit_s=_CALLS_S, least_s=_CALLS_S))
        except Failure as failure:
            return {"outcome": failure.outcome, "reason": failure.reason}
    return {"outcome": "ok", "reason": ""}


def _fits(inputs: Path, paths: Sequence[Path]) -> bool:
    """Whether inputs are of the shapes that artifacts state; one that states none takes any."""
    shapes = {name: array.shape for name, array in read_inputs(inputs).items()}
    manifests = [open_artifact(path).manifest for path in paths]
    return all(
        len(shapes.get(spec.name, ())) == len(spec.shape)
        and all(
            size == wanted
            for size, wanted in zip(shapes[spec.name], spec.shape, strict=True)
            if isinstance(wanted, int)
        )
        for manifest in manifests
        if manifest is not None
        for spec in manifest.signature.inputs
    )


def _inputs_of(path: Path, setting: Setting) -> Path:
    if setting.inputs and _fits(setting.inputs, [path]):
        return setting.inputs
    manifest = open_artifact(path).manifest
    if manifest is None or manifest.evaluation is None:
        raise StageError(f"{path}: names no inputs; give some with --inputs")
    return (path / manifest.evaluation["file"]).resolve()


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
    main.main([*arguments, "--out", str(folder / RUNS), "--json", str(summary)])
    (row,) = json.loads(summary.read_text())["rows"]
    return {"expected": "wrong_device", "outcome": row["outcome"], "reason": row["reason"]}


@contextlib.contextmanager
def _memory_held(card: str | None, left: int) -> Iterator[dict[str, int]]:
    """Have another process hold all of a card's memory but for so many bytes."""
    holder = subprocess.Popen(
        [sys.executable, "-I", str(_HOLDER), str(left)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | seeing(card),
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


def ceiling(setting: Setting) -> Result:
    """What the machine could do at best: arithmetic, copies on the card, to it and from it."""
    return measure_roofline(setting.device, threads=setting.threads, card=setting.card)


# By the stage that each is of.
CHECKS: dict[str, Callable[[Setting], Result]] = {
    "machine": machine,
    "sandbox": sandbox,
    "export": export,
    "runtimes": runtimes,
    "measure": measure,
    "tf32": tf32,
    "self-test": self_test,
    "failures": failures,
    "sweep": sweep,
    "ceiling": ceiling,
}
