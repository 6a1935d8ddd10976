"""The command line of the training in processes of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from commands import FRAMEWORKS, LIMIT_S, ROOT, Trained, command, environment
from training_data import (
    medmnist_file,
)

from train.data import (
    SYNTHETIC_NOTICE,
)
from train.record import read_record
from train.weights import load_weights, shapes

pytest_plugins = ("frameworks",)


def test_all_frameworks_train_in_one_call(trained: Trained) -> None:
    for framework, path in trained.weights.items():
        weights, sha256 = load_weights(path)
        assert weights.keys() == shapes().keys()
        record = trained.record(framework)
        assert record["framework"] == framework
        assert record["weights"] == {"file": path.name, "sha256": sha256}
        assert record["recipe"]["epochs"] == 1
        assert record["recipe"]["train_images"] == 256
        assert record["best_epoch"] == 1
        assert record["interrupted"] is False
        assert np.isfinite(record["history"][0]["loss"])
        assert len(record["test_metrics"]) == 7
        assert record["dataset"]["name"] == "synthetic"
        assert SYNTHETIC_NOTICE in record["notices"]
        assert record["environment"]["versions"]["numpy"] == np.__version__
        assert str(path) in trained.done.stdout
    names = {file.name for file in path.parent.iterdir()}
    assert len(names) == 2 * len(FRAMEWORKS), f"more than weights and records: {names}"
    hashes = {trained.record(framework)["dataset"]["test_sha256"] for framework in FRAMEWORKS}
    assert len(hashes) == 1


def test_the_terminal_shows_notices_and_progress_and_no_noise(trained: Trained) -> None:
    lines = trained.done.stderr.splitlines()
    notices = [line for line in lines if line == f"*** {SYNTHETIC_NOTICE}"]
    epochs = [line for line in lines if line.startswith("epoch 1/1  loss ")]
    assert len(notices) == len(epochs) == len(FRAMEWORKS)
    assert [line for line in lines if line not in notices + epochs] == []
    assert trained.done.stdout.count(SYNTHETIC_NOTICE) == len(FRAMEWORKS)


def test_training_has_moved_the_weights_and_averages(trained: Trained) -> None:
    for framework, path in trained.weights.items():
        weights, _ = load_weights(path)
        for name, array in weights.items():
            if name.endswith(("scale", "var")):
                assert np.abs(array - 1).max() > 1e-4, (framework, name)
            else:
                assert np.abs(array).max() > 1e-4, (framework, name)


def test_the_weights_of_one_framework_are_evaluated_in_another(settled: Path) -> None:
    done = command("train", "flax", "--dataset", "synthetic", "--evaluate", settled)
    assert done.returncode == 0, done.stderr
    record = read_record(settled)
    assert record is not None
    words = done.stdout.splitlines()[1].split()
    metrics = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    # One image of 1,024 may stand on the edge between two classes.
    assert metrics == pytest.approx(record["test_metrics"], abs=0.003)
    assert record["test_metrics"]["accuracy"] > 0.2, "a network of one class proves nothing"


def test_the_benchmark_prints_the_peak_memory_of_a_step() -> None:
    """At 28 pixels: at the 224 of the command it takes minutes."""
    code = (
        "from train import benchmark; benchmark.SIZES = (28,); "
        "benchmark.main(['torch', '--memory', '--images', '128'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert re.fullmatch(r"\| torch \| \d+\.\d GB \|\n", done.stdout)


def test_ctrl_c_at_the_terminal_keeps_what_was_trained(tmp_path: Path) -> None:
    """It reaches the command and the process that trains; the second framework never starts."""
    options = ("--dataset", "synthetic", "--epochs", "500", "--train-images", "128")
    arguments = ("train", "torch", "flax", *options, "--out", str(tmp_path))
    # A shell that runs the tests in the background may have Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    guard = threading.Timer(LIMIT_S, lambda: os.killpg(process.pid, signal.SIGKILL))
    guard.start()
    try:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("epoch 1/500"):
                break
        else:
            pytest.fail(f"no epoch: {lines}")
        time.sleep(0.2)  # into the next epoch
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    finally:
        guard.cancel()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (path,) = tmp_path.glob("*.safetensors")
    assert path.name.startswith("torch-")
    record = read_record(path)
    assert record is not None
    assert record["interrupted"] is True
    assert record["best_epoch"] in range(1, len(record["history"]) + 1)
    assert len(record["history"]) < 500
    assert record["weights"]["sha256"] == load_weights(path)[1]
    assert len(record["test_metrics"]) == 7
    assert {file.suffix for file in tmp_path.iterdir()} == {".safetensors", ".json"}
    assert str(path) in out


@pytest.mark.parametrize("case", ["unknown framework", "wrong file", "no folder"])
def test_wrong_usage_ends_with_status_2_and_one_line(tmp_path: Path, case: str) -> None:
    medmnist_file(tmp_path / "bloodmnist.npz")
    (tmp_path / "file").write_text("")
    arguments, named = {
        "unknown framework": (("caffe", "--dataset", "synthetic"), "'caffe'"),
        "wrong file": (
            ("torch", "--dataset", "bloodmnist", "--data-root", tmp_path),
            str(tmp_path / "bloodmnist.npz"),
        ),
        "no folder": (
            ("torch", "--dataset", "bloodmnist", "--data-root", tmp_path / "file"),
            str(tmp_path / "file"),
        ),
    }[case]
    done = command("train", *arguments, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    *before, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert named in last
    assert not before, "more than one line"
    assert not (tmp_path / "out").exists()
