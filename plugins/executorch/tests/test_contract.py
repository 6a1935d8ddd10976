"""The format, its reader and its runtime keep the contract; a run measures a program."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import LARGEST
from exportbench.testing import Sample, problems

Made = Callable[[str], Path]
RANDOM = np.random.default_rng(0)
INPUTS = {
    "input_0": RANDOM.random((3, 4), dtype=np.float32),
    "input_1": RANDOM.random((3, 3), dtype=np.float32),
}


def test_they_keep_the_contract(made: Made, tmp_path: Path) -> None:
    outputs = {"output_1": INPUTS["input_0"].max(1)}
    sample = Sample(made("two"), INPUTS, outputs, batches=(1, 7, LARGEST), largest_batch=LARGEST)
    assert problems(sample, tmp_path) == []


def test_a_run_measures_a_program(made: Made, tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", **INPUTS)  # type: ignore[arg-type]  # names are keywords
    quick = (
        "--batch",
        "8",
        "--scenario",
        "single",
        "--turns",
        "1",
        "--burst",
        "0.005s",
        "--budget",
        "1s",
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "exportbench", "run", made("two"), *quick),
            *("--inputs", "inputs.npz", "--device", "cpu", "--json", "-"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["format"], row["outcome"]) == ("executorch", "ok")
