"""What each stage of a check does: it finds out one thing and returns it as JSON takes it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...artifacts.discovery import discover
from ...cli import main
from ...codec import to_json
from ...exit_status import WRONG_USAGE
from ...free_memory import available_bytes
from ...measure.roofline import measure as measure_roofline
from ...outcome import Outcome
from ...records.process_events import BurstTimed, PreflightDone
from ...records.store import read_events
from ...runtimes.registry import RUNTIMES, runtimes_for
from ...sandbox import cuda_diagnosis
from ...sandbox.artifact_reader import open_artifact
from ...system import machine as environment
from ..doctor import runtime_state
from ..self_test.known_artifacts import copy_artifact
from ..self_test.measured import measured_verdicts
from .failures import provoke
from .inputs import fits, inputs_of
from .setting import EXPORTED, PROBLEM, Setting, StageError

Result = dict[str, Any]
RUNS = "runs"
SIZES = (28, 64)
PRETRAINED = "artifacts/pretrained"
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
    return {"total_bytes": memory.total, "available_bytes": available_bytes()}


def sandbox(setting: Setting) -> Result:
    """Which layer of the sandbox, if any, keeps CUDA from starting."""
    layers = cuda_diagnosis.cuda_by_layer(card=setting.card)
    cases = {case["layer"]: case for case in layers}
    problem = ""
    if not cases["none"]["context"]:
        problem = f"CUDA does not start, outside of the sandbox either: {cases['none']['error']}"
    elif not cases["all"]["context"]:
        problem = f"CUDA does not start in the sandbox: {cases['all']['error']}"
    return {"layers": layers, PROBLEM: problem}


def export(setting: Setting) -> Result:
    """Export the pretrained weights by all exporters whose frameworks are installed."""
    exporters = importlib.util.find_spec("export")
    if exporters is None or not exporters.origin:
        raise StageError("the exporters are not at hand: run it in a clone, or name artifacts")
    root = Path(exporters.origin).resolve().parents[1]
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
    if setting.inputs and fits(setting.inputs, setting.artifacts):
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
    results = json.loads(summary.read_text() or "null")
    bad = [row for row in results["rows"] if row["outcome"] != Outcome.OK] if results else []
    return {
        PROBLEM: "; ".join(f"{row['artifact']}: {row['outcome']}: {row['reason']}" for row in bad),
        "run": made[0].name,
        "summary": results,
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
        verdicts = measured_verdicts(
            f"copies of {artifact.name}",
            copies,
            inputs_of(artifact, setting),
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
        if verdicts[0].comparisons
        else f"its time was too short for {_TRIAL} generations; give a longer --budget"
    )
    return {"verdicts": [asdict(verdict) for verdict in verdicts], PROBLEM: problem}


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
    "failures": provoke,
    "sweep": sweep,
    "ceiling": ceiling,
}
