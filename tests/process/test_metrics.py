"""A metric of the user's own, through the commands."""

import numpy as np
import pytest

from tests.support.case_runs import gate_case, printed_by, run_case

SCORE = """
from pathlib import Path

FACTOR = Path(__file__).parent / "factor.txt"

def margin(outputs, truth):
    scores = outputs["probabilities"]
    factor = float(FACTOR.read_text())
    return scores.max(axis=1) - scores.min(axis=1) - factor * scores.std(axis=1)
"""


@pytest.fixture
def folder(tmp_path, fake_artifact, inputs_file):
    fake_artifact(tmp_path, "a")
    inputs_file(tmp_path / "inputs.npz")
    (tmp_path / "score.py").write_text(SCORE)
    (tmp_path / "factor.txt").write_text("0")
    return tmp_path


OPTIONS = ("a", "--inputs", "inputs.npz", "--metric", "score.py:margin")


def test_the_gate_holds_a_metric_of_the_users_own(folder):
    assert gate_case(folder, *OPTIONS).status == 0
    same = gate_case(folder, *OPTIONS, update=False)
    assert same.verdict("metric") == "passed", same.detail("metric")
    assert same.check("metric")["metric"] == "margin"

    (folder / "factor.txt").write_text("0.5")
    worse = gate_case(folder, *OPTIONS, update=False)
    assert worse.status == 1 and worse.verdict("metric") == "failed", worse.text
    allowed = gate_case(folder, *OPTIONS, "--margin", "margin=99%", update=False)
    assert allowed.verdict("metric") == "passed"
    (folder / "score.py").write_text(SCORE + "# altered\n")
    other = gate_case(folder, *OPTIONS, "--margin", "margin=99%", update=False)
    assert other.verdict("metric") == "failed"
    assert "that of the baseline was from score.py:margin (sha256" in other.detail("metric")
    gone = gate_case(folder, *OPTIONS[:-2], update=False)
    assert gone.verdict("metric") == "failed" and "this run has none" in gone.detail("metric")


def test_what_is_measured_alone_or_gone_on_with_has_its_metrics(folder):
    run = run_case(folder, *OPTIONS, "--task", "classification", "k=2")

    row = run.summary["rows"][0]
    assert {"margin", "top_2", "log_loss", "auc"} <= row["metrics"].keys()
    assert row["metric_intervals"]["margin"]["difference"] == 0
    command = run.command("a")
    assert "--task classification k=2" in command
    assert f"--metric {folder / 'score.py'}:margin" in command
    (recorded,) = (folder / "artifacts" / "runs").iterdir()
    status, text = printed_by(folder, "run", "--resume", recorded)
    assert status == 2
    assert f"give the metrics again: --metric {folder / 'score.py'}:margin" in text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--task", "sorting"), "there is no task 'sorting'"),
        (("--task", "tokens", "x=y"), "is neither k=N nor ROLE=OUTPUT"),
        (("--metric", "score.py:accuracy"), "accuracy is a metric of exportbench"),
        (("--metric", "gone.py:f"), "there is no file gone.py"),
    ],
)
def test_what_cannot_be_a_metric_is_refused_before_anything_is_measured(folder, arguments, why):
    status, text = printed_by(folder, "run", "a", "--inputs", "inputs.npz", *arguments)

    assert status == 2 and why in text


def test_a_task_needs_its_truth(folder):
    np.savez(folder / "bare.npz", image=np.zeros((4, 4, 4, 3), np.float32))

    status, text = printed_by(folder, "run", "a", "--inputs", "bare.npz", "--task", "regression")

    assert status == 2 and "bare.npz has no truth; it takes an array 'labels'" in text


def test_labels_of_another_task_are_a_question(folder):
    labels = {"labels": np.zeros((4, 2), np.float32)}
    np.savez(folder / "odd.npz", image=np.zeros((4, 4, 4, 3), np.float32), **labels)

    run = run_case(folder, "a", "--inputs", "odd.npz")

    assert "say what it is the truth of, as --task regression" in run.reason("a")
