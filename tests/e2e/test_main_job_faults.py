"""The main job with a damaged artifact, a worker that is killed, and one that is stopped."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from commands import Exported
from watched_runs import GENERATIONS, SHORTER, Measured, measure, records_of

pytest_plugins = ("frameworks",)

linux = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="needs /proc to look into the workers"
)


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
        starts = [record for record in records_of(measured, "start") if record["artifact"] == name]
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
