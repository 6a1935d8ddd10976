"""The main job, end to end: train, export to every format, measure and compare, faults included.

By the public commands, as a user would; the frameworks and runtimes are the real ones.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from commands import FORMATS, LIMIT_S, ROOT, Exported, environment
from events import as_json

from export.exporters import EXPORTERS
from infer.cli.main import main
from infer.records.protocol import PROTOCOLS
from infer.records.store import read_events
from infer.workload import Workload
from train.record import read_record

pytest_plugins = ("frameworks",)

linux = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="needs /proc to look into the workers"
)

# The library that holds each runtime, as it is called in a process's memory map.
LIBRARIES = {
    "saved-model": "libtensorflow_framework",
    "torchscript": "libtorch_cpu",
    "torch-export": "libtorch_cpu",
    "jax-export": "jaxlib",
    "onnx": "onnxruntime_pybind11_state",
}
DISTRIBUTIONS = {
    "saved-model": {"tensorflow"},
    "torchscript": {"torch"},
    "torch-export": {"torch"},
    "jax-export": {"jax", "jaxlib"},
    "onnx": {"onnxruntime"},
}


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
    try:
        children = psutil.Process(controller).children()
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            # It works in scratch/<label>/worker-<any>.
            if any(part.endswith("bootstrap.py") for part in child.cmdline()):
                yield child, Path(child.cwd()).parent.name
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def _runtimes(process: psutil.Process) -> set[str]:
    try:
        maps = Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        return set()
    return {library for library in LIBRARIES.values() if library in maps}


# All is well

POINTS = ("batch 32", "batch 1")
GENERATIONS, TURNS = PROTOCOLS["quick"].generations, 2
# Fewer calls than people make: to start all these processes takes long enough.
SHORTER = ("--batch", 32, "--turns", TURNS, "--burst", "0.05s")


@pytest.fixture(scope="module")
def measured(
    exported: Exported, small_inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Measured:
    """All formats, measured by the quick protocol."""
    folder = tmp_path_factory.mktemp("run")
    return measure(folder, exported.out, "--inputs", small_inputs, *SHORTER)


def test_every_format_ends_well(measured: Measured) -> None:
    assert set(measured.rows) == set(FORMATS)
    outcomes = {name: (row["outcome"], row["reason"]) for name, row in measured.rows.items()}
    assert set(outcomes.values()) == {("ok", "")}, outcomes
    assert measured.status == 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_predicts_the_same(measured: Measured, name: str) -> None:
    row = measured.rows[name]
    assert row["samples"] == 130
    assert row["reference"] == "torchscript", "the native format of the framework that trained"
    assert row["equal_labels"] == 1
    assert row["unequal_samples"] == []
    assert 0 <= row["largest_difference"] < 1e-4
    assert row["metrics"] == pytest.approx(measured.rows["torchscript"]["metrics"])
    # Agreement on one class for every image would be no proof.
    assert row["metrics"]["accuracy"] > 0.2


def test_the_formats_are_not_compared_with_themselves(measured: Measured) -> None:
    """Other arithmetic rounds otherwise; nothing but zeros would be too good to be true."""
    differences = {name: row["largest_difference"] for name, row in measured.rows.items()}
    others = [value for name, value in differences.items() if name != "torchscript"]
    assert differences["torchscript"] < 1e-6
    assert max(others) > 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_timed(measured: Measured, name: str) -> None:
    row = measured.rows[name]
    for key in ("import_s", "load_s", "first_call_s", "until_steady_s"):
        assert 0 < row[key] < 600, key
    assert tuple(row["timings"]) == POINTS
    for point, timing in row["timings"].items():
        assert 0 < timing["call_s"] < 600, point
        assert (timing["ratio"] is None) == (name == "torchscript"), point
    assert row["grows_with_batch"]
    assert row["peak_rss_bytes"] > row["runtime_rss_bytes"] > 10e6
    assert row["installed_bytes"] > 10e6
    assert row["bytes"] > 2e6, "less than the weights"
    assert row["weights"] == "weights"
    assert row["weights_framework"] == "torch"
    assert row["framework"] == EXPORTERS[name].framework
    assert row["format"] == EXPORTERS[name].format


def _of(measured: Measured, kind: str) -> list[dict[str, Any]]:
    return [record for record in measured.records if record["kind"] == kind]


def test_every_format_has_one_preflight_and_started_once_a_generation_in_a_new_process(
    measured: Measured,
) -> None:
    preflights, starts = _of(measured, "preflight"), _of(measured, "start")
    assert sorted(record["artifact"] for record in preflights) == sorted(FORMATS)
    generations: dict[str, list[int]] = {}
    for record in starts:
        generations.setdefault(record["artifact"], []).append(record["generation"])
    for name in FORMATS:
        assert len(set(generations[name])) == len(generations[name])
        # Where not all fit into memory together, the reference is in each of several groups.
        assert len(generations[name]) == GENERATIONS or name == "torchscript"
        assert set(generations[name]) <= set(generations["torchscript"])
    pids = {record["pid"] for record in (*preflights, *starts)}
    assert len(pids) == len(preflights) + len(starts)


def test_every_format_takes_its_turns_in_a_random_order(measured: Measured) -> None:
    turns: dict[tuple[int, int, Workload], list[str]] = {}
    for record in _of(measured, "burst"):
        turns.setdefault(
            (record["generation"], record["turn"], Workload(**record["workload"])), []
        ).append(record["artifact"])
        assert record["samples"] == record["workload"]["batch"] * len(record["seconds"])
    for name in set(FORMATS) - {"torchscript"}:
        taken = [key for key, labels in turns.items() if name in labels]
        assert len(taken) == GENERATIONS * TURNS * len(POINTS), name
    for labels in turns.values():
        assert labels.count("torchscript") == 1
        assert len(set(labels)) == len(labels)
    for point in POINTS:
        # Another one in each turn.
        orders = {
            tuple(labels) for (_, _, workload), labels in turns.items() if workload.name == point
        }
        assert len(orders) > 1, point


def test_outputs_of_timed_calls_are_those_that_were_judged(measured: Measured) -> None:
    timed = [record for record in _of(measured, "burst") if record["turn"] == TURNS - 1]
    assert {record["artifact"] for record in timed} == set(FORMATS)
    for record in timed:
        # A batch of another size may be summed up in another order.
        assert 0 <= record["difference"] < 1e-4, record["artifact"]


@linux
def test_every_process_holds_one_runtime(measured: Measured) -> None:
    records = [*_of(measured, "preflight"), *_of(measured, "start")]
    assert len(records) >= (1 + GENERATIONS) * len(FORMATS)
    for record in records:
        expected = EXPORTERS[record["artifact"]].format
        assert measured.workers[record["pid"]] == record["artifact"]
        assert measured.loaded[record["pid"]] == {LIBRARIES[expected]}, record["artifact"]
        assert set(record["start"]["versions"]) == DISTRIBUTIONS[expected]


def test_no_process_is_left(measured: Measured) -> None:
    for pid, label in measured.workers.items():
        assert not psutil.pid_exists(pid), label


def test_the_terminal_shows_every_format_and_whose_images_they_are(measured: Measured) -> None:
    for name in FORMATS:
        assert name in measured.out
    assert "SYNTHETIC DATA" in measured.out
    assert "QUICK MEASUREMENT" in measured.out
    assert len(measured.err.splitlines()) == 1, measured.err
    assert measured.err.startswith("results: ")


def test_the_evaluation_file_gives_the_metrics_of_the_training(
    exported: Exported, settled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --inputs an artifact is measured on the test images that its manifest names."""
    results = tmp_path / "results.json"
    arguments = [exported.folder / "onnx-torch", "--json", results, "--out", tmp_path / "runs"]
    arguments += ["--device", "cpu", *SHORTER, "--budget", "1s"]
    assert main(["run", *map(str, arguments)]) == 0
    (row,) = json.loads(results.read_text())["rows"]
    record = read_record(settled)
    assert record is not None
    assert row["samples"] == 1024
    # One image of 1,024 may stand on the edge between two classes.
    assert row["metrics"] == pytest.approx(record["test_metrics"], abs=0.003)


# Faults


@dataclass
class Faults:
    """Kills one worker and stops another one, both in the midst of their work."""

    kill: str
    stop: str
    done: dict[str, int] = field(default_factory=dict)

    def __call__(self, worker: psutil.Process, label: str, runtimes: set[str]) -> None:
        number = {self.kill: signal.SIGKILL, self.stop: signal.SIGSTOP}.get(label)
        if number and runtimes and label not in self.done:
            self.done[label] = worker.pid
            os.kill(worker.pid, number)


@pytest.fixture(scope="module")
def faulty(
    exported: Exported, small_inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Measured, Faults]:
    """A run in which one artifact is damaged, one worker killed and one stopped."""
    folder = tmp_path_factory.mktemp("faults")
    names = ("torchscript", "jax-export", "onnx-keras", "onnx-torch", "onnx-jax")
    for name in names:
        shutil.copytree(exported.folder / name, folder / name)
    damaged = folder / "torchscript" / "model.pt"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    faults = Faults(kill="onnx-keras", stop="onnx-jax")
    arguments = [folder / name for name in names]
    options = ("--inputs", small_inputs, "--timeout", 25, *SHORTER)
    return measure(folder, *arguments, *options, look=faults), faults


@linux
def test_faults_end_in_their_own_outcomes(faulty: tuple[Measured, Faults]) -> None:
    measured, faults = faulty
    assert set(faults.done) == {"onnx-keras", "onnx-jax"}, "a worker was gone before its fault"
    assert {name: row["outcome"] for name, row in measured.rows.items()} == {
        "torchscript": "load_error",
        "jax-export": "ok",
        "onnx-keras": "crash",
        "onnx-torch": "ok",
        "onnx-jax": "hang",
    }
    assert measured.status == 3


@linux
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("onnx-keras", ["SIGKILL", "log: "]),
        ("onnx-jax", ["no answer", "25 s", "--timeout"]),
        ("torchscript", ["torchscript/model.pt", "altered", "SHA-256"]),
    ],
)
def test_a_fault_has_a_reason_and_a_command_in_one_line_each(
    faulty: tuple[Measured, Faults], name: str, words: list[str]
) -> None:
    row = faulty[0].rows[name]
    for word in words:
        assert word in row["reason"]
    assert "\n" not in row["reason"] + row["command"]
    assert row["path"] in row["command"]
    assert f"{name}: {row['outcome']}: " in faulty[0].out
    assert "Traceback" not in faulty[0].err


@linux
def test_faults_leave_the_others_measured_and_compared(faulty: tuple[Measured, Faults]) -> None:
    measured, _ = faulty
    for name in ("jax-export", "onnx-torch"):
        starts = [record for record in _of(measured, "start") if record["artifact"] == name]
        assert len(starts) == GENERATIONS
        assert measured.rows[name]["equal_labels"] == 1
        assert measured.rows[name]["largest_difference"] < 1e-4
        for timing in measured.rows[name]["timings"].values():
            assert timing["call_s"] > 0
            assert timing["generations"] == GENERATIONS


@linux
def test_faults_leave_no_process(faulty: tuple[Measured, Faults]) -> None:
    measured, faults = faulty
    assert set(faults.done.values()) <= set(measured.workers)
    for pid, label in measured.workers.items():
        assert not psutil.pid_exists(pid), label


# Wrong inputs


def _inputs(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "wrong.npz"
    images = np.zeros((4, 28, 28, 3), np.float32)
    np.savez(path, **({"image": images, "labels": np.arange(4)} | arrays))
    return path


def _run(exported: Exported, tmp_path: Path, inputs: Path) -> tuple[int, dict[str, Any]]:
    results = tmp_path / "results.json"
    arguments = [exported.folder / "onnx-torch", "--inputs", inputs, "--json", results]
    arguments += ["--out", tmp_path / "runs", "--device", "cpu", *SHORTER]
    status = main(["run", *map(str, arguments)])
    return status, json.loads(results.read_text())["rows"][0] if results.exists() else {}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"image": np.zeros((4, 28, 28, 3), np.int64)}, ["int64", "float32"]),
        ({"image": np.zeros((4, 32, 32, 3), np.float32)}, ["4 x 32 x 32 x 3", "28 x 28 x 3"]),
        ({"image": np.zeros((4, 28, 28, 1), np.float32)}, ["4 x 28 x 28 x 1"]),
        ({"image": np.zeros((4, 28, 28), np.float32)}, ["4 x 28 x 28"]),
        ({"labels": np.array([0, 1, 2, 8])}, ["labels up to 8", "8 classes"]),
        ({"labels": np.array([0, 1, 2, -1])}, ["'labels'", "negative"]),
        ({"labels": np.array([0.5, 1, 2, 3])}, ["'labels'", "float64"]),
    ],
)
def test_inputs_that_do_not_fit_end_the_measurement_and_name_the_file(
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, np.ndarray],
    words: list[str],
) -> None:
    path = _inputs(tmp_path, **arrays)
    status, row = _run(exported, tmp_path, path)
    assert status == 3
    assert row["outcome"] == "bad_input"
    for word in (str(path), *words):
        assert word in row["reason"]
    assert "\n" not in row["reason"]
    printed = capsys.readouterr()
    assert "bad_input" in printed.out
    assert "Traceback" not in printed.out + printed.err


def _no_samples(path: Path) -> None:
    np.savez(path, image=np.zeros((0, 28, 28, 3), np.float32), labels=np.zeros(0, np.int64))


def _no_images(path: Path) -> None:
    np.savez(path, labels=np.arange(4))


def _unlike(path: Path) -> None:
    np.savez(path, image=np.zeros((4, 28, 28, 3), np.float32), labels=np.arange(3))


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil", [Path.unlink, _no_samples, _no_images, _unlike, _truncated, _empty]
)
def test_inputs_that_cannot_be_read_are_wrong_usage(
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
) -> None:
    path = _inputs(tmp_path)
    spoil(path)
    status, row = _run(exported, tmp_path, path)
    assert status == 2
    assert not row
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert str(path) in line
    assert not (tmp_path / "runs").exists()
