"""A regressor, an embedding and two towers: what is equal passes, what is not does not."""

import numpy as np
import pytest

from infer.records.events import latest
from infer.records.example_events import ExamplesTaken
from infer.records.store import read_events
from tests.support import case_models_tasks as models
from tests.support.case_runs import run_case


def metrics_of(done, label):
    (row,) = [row for row in done.summary["rows"] if row["artifact"] == label]
    return row["metrics"]


def judged(folder, task, inputs):
    """Compare two formats of the same model, and a third file that differs."""
    np.savez(folder / "inputs.npz", **inputs)
    names = "model.onnx", "same.pt", "other.pt"
    options = "--task", task, "--inputs", "inputs.npz", "--reference", "model.onnx"
    done = run_case(folder, *names, *options)
    assert [done.outcome(name) for name in names] == ["ok", "ok", "parity_fail"], done.text
    (run,) = (folder / "artifacts" / "runs").iterdir()
    taken = latest(ExamplesTaken, read_events(run))
    shown = {name: [(o.kind, o.differing > 0) for o in e.outputs] for name, e in taken.items()}
    kind = {"regression": "numbers"}.get(task, task)
    assert shown == {"same.pt": [(kind, False)], "other.pt": [(kind, True)]}
    return [metrics_of(done, name) for name in names]


def test_a_regressor(tmp_path):
    models.onnx_regressor(tmp_path / "model.onnx")
    models.torch_regressor(tmp_path / "same.pt")
    models.torch_regressor(tmp_path / "other.pt", changed=0.5)

    model, same, other = judged(tmp_path, "regression", models.regressor_inputs())

    assert same["mae"] == pytest.approx(model["mae"], rel=1e-4)
    assert other["mae"] > 1.2 * model["mae"]


def test_an_embedding(tmp_path):
    models.onnx_embedding(tmp_path / "model.onnx")
    models.torch_embedding(tmp_path / "same.pt")
    models.torch_embedding(tmp_path / "other.pt", changed=0.5)
    inputs = models.tower_inputs()

    _, same, other = judged(tmp_path, "embeddings", {"image": inputs["image"]})

    assert same["cosine"] == pytest.approx(1)
    assert other["cosine"] < 0.9999


def test_two_towers_of_text_and_images(tmp_path):
    models.onnx_towers(tmp_path / "model.onnx")
    models.torch_towers(tmp_path / "same.pt")
    models.torch_towers(tmp_path / "other.pt", last_word=False)

    model, same, other = judged(tmp_path, "embeddings", models.tower_inputs())

    assert same["recall_1"] == model["recall_1"] > other["recall_1"]
