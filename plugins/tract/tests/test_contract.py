"""tract keeps the contract of runtimes, and agrees with ONNX Runtime in a run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import WEIGHTS
from exportbench.testing import Sample, problems

Make = Callable[..., Path]
X = np.random.default_rng(0).random((3, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("plain", {"a": X}, {"y": X @ WEIGHTS}),
        ("integers", {"i": np.array([2, 0, 1])}, {"y": WEIGHTS[[2, 0, 1]]}),
    ],
)
def test_it_keeps_the_contract(
    make: Make,
    name: str,
    inputs: dict[str, np.ndarray],
    outputs: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    sample = Sample(make(name), inputs, outputs, runtime="tract")
    assert problems(sample, tmp_path / "kit") == []


def test_a_run_measures_it_beside_onnx_runtime(make: Make, tmp_path: Path) -> None:
    path = make("plain")
    np.savez(tmp_path / "a.npz", a=X)
    quick = ("--scenario", "single", "--turns", "1", "--burst", "0.005s", "--budget", "1s")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "exportbench", "run", path, "--inputs", "a.npz", *quick),
            *("--try", "onnx:runtime=tract", "--device", "cpu", "--json", "-"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["artifact"]: row for row in json.loads(done.stdout)["rows"]}
    assert set(rows) == {"plain.onnx", "plain.onnx (runtime=tract)"}
    assert {row["outcome"] for row in rows.values()} == {"ok"}
