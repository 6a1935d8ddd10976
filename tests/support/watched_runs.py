"""Runs of the real runtimes, whose workers are watched from outside."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from commands import LIMIT_S, ROOT, environment
from events import as_json
from process_states import sandboxed

from infer.records.store import read_events

# The library that holds each runtime, as it is called in a process's memory map.
LIBRARIES = {
    "saved-model": "libtensorflow_framework",
    "torchscript": "libtorch_cpu",
    "torch-export": "libtorch_cpu",
    "jax-export": "jaxlib",
    "onnx": "onnxruntime_pybind11_state",
}

# Less than people measure: to start all these processes takes long enough. Several generations
# are tested with the fake runtime (test_outcomes.py). One thread, as other tests run beside it:
# calls of two threads would hardly become steady.
GENERATIONS, TURNS = 1, 2
SHORTER = ("--batch", 32, "--turns", TURNS, "--burst", "0.05s", "--threads", 1, "--budget", "1s")


@dataclass
class Measured:
    """A finished run: how it ended, its rows by artifact, its records, and what was seen of it."""

    status: int
    out: str
    err: str
    rows: dict[str, dict[str, Any]]
    records: list[dict[str, Any]]
    workers: dict[int, str]
    loaded: dict[int, set[str]] = field(default_factory=dict)


# Called for every worker that is seen, with its process, label and the runtimes in its memory.
Look = Callable[[psutil.Process, str, set[str]], None]


def measure(folder: Path, *arguments: object, look: Look | None = None) -> Measured:
    """Run `python -m infer run` and watch its workers from outside."""
    results = folder / "results.json"
    options = ("--json", results, "--out", folder / "runs", "--device", "cpu")
    process = subprocess.Popen(
        [sys.executable, "-m", "infer", "run", *map(str, (*arguments, *options))],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    workers: dict[int, str] = {}
    loaded: dict[int, set[str]] = {}

    def watch() -> None:
        for number in itertools.count():
            if process.poll() is not None:
                return
            for worker, label in _workers(process.pid):
                workers[worker.pid] = label
                # To read the memory map of TensorFlow takes a tenth of a second of a processor.
                if loaded.get(worker.pid) and number % 10 and not look:
                    continue
                runtimes = _runtimes(worker)
                loaded.setdefault(worker.pid, set()).update(runtimes)
                if look:
                    look(worker, label, runtimes)
            time.sleep(0.1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        watcher.join()
    assert results.exists(), err
    rows = {row["artifact"]: row for row in json.loads(results.read_text())["rows"]}
    (run,) = (folder / "runs").iterdir()
    return Measured(process.returncode, out, err, rows, as_json(read_events(run)), workers, loaded)


def _workers(controller: int) -> Iterator[tuple[psutil.Process, str]]:
    """The controller's workers, each with the label of its artifact."""
    with contextlib.suppress(psutil.NoSuchProcess):  # the controller has ended
        for worker in sandboxed(controller):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                # It works in scratch/<label>/worker-<any>.
                yield worker, Path(worker.cwd()).parent.name


def _runtimes(process: psutil.Process) -> set[str]:
    try:
        maps = Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        return set()
    return {library for library in LIBRARIES.values() if library in maps}


def records_of(measured: Measured, kind: str) -> list[dict[str, Any]]:
    """The records of a kind."""
    return [record for record in measured.records if record["kind"] == kind]
