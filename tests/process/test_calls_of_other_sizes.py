"""Calls of a size that nobody asked for do no harm to an artifact."""

import numpy as np
import pytest

import infer

BATCH = 4
SMALL = {
    "inputs": "inputs.npz",
    "device": "cpu",
    "threads": 1,
    "batch": BATCH,
    "scenario": ["batch"],
    "turns": 1,
    "burst": 0.01,
    "budget": 1,
    "out": "runs",
}


@pytest.fixture
def folder(tmp_path, monkeypatch, inputs_file):
    inputs_file(tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as arrays:
        inputs_file(tmp_path / "inputs.npz", image=arrays["image"][: 2 * BATCH])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("samples", "kind"), [(BATCH // 2, "crash"), (BATCH // 2, "error"), (1, "error")]
)
def test_an_artifact_that_does_not_take_them_is_measured(folder, fake_artifact, samples, kind):
    fake_artifact(folder / "exported", "right")
    fault = {"at": "run", "samples": samples, "kind": kind}
    fake_artifact(folder / "exported", "only-full", fault=fault)

    summary = infer.run("exported", **SMALL)

    assert {row.artifact: row.outcome for row in summary.rows} == {"right": "ok", "only-full": "ok"}
