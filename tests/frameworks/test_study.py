"""The study: the arithmetic of its tables, and that its pages are what its results say."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from study import operator_tables, pages, training_tables
from study.__main__ import COMPARISONS, PREDICTED, main
from study.jobs import ask
from study.paper import TABLE_3
from study.prediction import compile_share
from study.results import StudyError, read
from study.setup import TRAININGS
from study.training import records

STUDY = ROOT / "docs" / "study"


def record(framework, seed, accuracy, profile="paper"):
    metrics = dict.fromkeys(TABLE_3["keras"], accuracy)
    recipe = {"profile": profile, "seed": seed}
    return {"framework": framework, "recipe": recipe, "test_metrics": metrics}


def cells(table, row):
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {row} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table_3_has_the_paper_and_all_seeds_and_marks_what_matches():
    page = training_tables.table_3([record("torch", 0, 0.94), record("torch", 1, 0.94859)])

    assert cells(page, "metric")[1:] == [
        "TensorFlow Keras: paper",
        "PyTorch: paper",
        "seed 0",
        "seed 1",
        "JAX: paper",
    ]
    assert cells(page, "accuracy")[1:] == ["0.9442", "0.9486", "0.9400", "**0.9486**", "0.9570"]


def test_frameworks_are_told_from_seeds_only_where_they_differ_by_more():
    def spread_of(*accuracies):
        frameworks = ("keras", "torch", "flax")
        return training_tables.spread(
            [
                record(framework, seed, value)
                for framework, pair in zip(frameworks, accuracies, strict=True)
                for seed, value in enumerate(pair)
            ]
        )

    alike = spread_of((0.95, 0.96), (0.96, 0.95), (0.951, 0.959))
    assert (
        "Between the frameworks' means: 0.0000; between seeds of one framework: up to 0.0100"
        in (alike)
    )
    assert "p = 1.00" in alike
    apart = spread_of((0.95, 0.951), (0.96, 0.961), (0.97, 0.971))
    assert "Between the frameworks' means: 0.0200" in apart and "p = 0.00" in apart
    assert "Too few" in training_tables.spread([record("keras", 0, 0.95), record("torch", 0, 0.95)])


def test_a_confusion_gives_each_class_its_figures():
    page = training_tables.confusion(
        {"test_confusion": [[8, 2], [1, 9]], "dataset": {"classes": ["cat", "dog"]}}
    )

    assert cells(page, "0 cat")[1:] == ["8", "2", "0.8889", "0.8000", "0.8421"]
    assert cells(page, "1 dog")[1:] == ["1", "9", "0.8182", "0.9000", "0.8571"]


def test_what_the_first_pass_adds_to_a_mean_of_ten():
    rounds = [{"pass_s": [3.0, 1.1, 1.0]}, {"pass_s": [3.0, 1.0, 1.2]}]
    assert compile_share(rounds) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("FusedConv", "convolution"),
        ("aten::mkldnn_convolution", "convolution"),
        ("_FusedConv2D", "convolution"),
        ("ReorderOutput", "layout"),
        ("aten::copy_", "layout"),
        ("Gemm", "dense and softmax"),
        ("aten::batch_norm", "normalization and element by element"),
        ("AddV2", "normalization and element by element"),
        ("ReduceMax", "pooling"),
        ("NoOp", "other"),
    ],
)
def test_operators_are_of_a_kind(operator, kind):
    assert operator_tables.kind_of(operator) == kind


def results():
    predictions = {size: read(STUDY / f"predict-{size}.json") for size in PREDICTED}
    runs = {name: read(STUDY / f"{name}.json") for name in COMPARISONS}
    return (
        {size: record for size, record in predictions.items() if record},
        {name: record for name, record in runs.items() if record},
        read(STUDY / "profiles.json"),
    )


def test_the_tables_of_the_page_are_those_of_the_results():
    expected = pages.text(records(STUDY), *results())
    assert (STUDY / pages.TABLES).read_text() == expected


def test_the_plots_are_there(tmp_path):
    pytest.importorskip("matplotlib", reason="draws the plots")
    for file in STUDY.glob("*.json"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "records").symlink_to(STUDY / "records")

    assert main(["write", "--out", str(tmp_path)]) == 0
    made = {path.name for path in tmp_path.glob("*.svg")}
    assert made and made == {path.name for path in STUDY.glob("*.svg")}
    for name in made:
        text = (tmp_path / name).read_text()
        assert text.count("<path") > 10 and "<text" in text


def test_every_training_has_a_record_or_is_said_to_be_missing():
    trained = {path.stem for path in (STUDY / "records").glob("*.json")}
    assert trained <= {training.name for training in TRAININGS}
    page = (STUDY / "README.md").read_text()
    for training in TRAININGS:
        assert training.name in trained or training.name in page


def test_a_damaged_result_and_an_unknown_step_are_said_in_a_line(tmp_path, capsys):
    (tmp_path / "profiles.json").write_text("{")
    with pytest.raises(StudyError, match=r"profiles\.json"):
        read(tmp_path / "profiles.json")
    assert main(["write", "--out", str(tmp_path)]) == 3
    assert "profiles.json" in capsys.readouterr().err
    assert main(["wash"]) == 2
    assert "wash" in capsys.readouterr().err


def test_a_process_profiles_an_artifact(tmp_path):
    torch = pytest.importorskip("torch", reason="is profiled")
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval()
    torch.jit.trace(model, torch.zeros(2, 3, 8, 8)).save(tmp_path / "model.pt")
    np.savez(tmp_path / "images.npz", image=np.zeros((4, 3, 8, 8), np.uint8))
    job = {"format": "torchscript", "artifact": str(tmp_path / "model.pt"), "batch": 2}

    profile = ask(
        "study.profile_once", job | {"images": str(tmp_path / "images.npz"), "threads": 1}
    )

    operators = profile["operators"]
    assert any(operator_tables.kind_of(name) == "convolution" for name in operators)
    assert profile["call_s"] > 0 and list(operators.values()) == sorted(operators.values())[::-1]


@pytest.mark.parametrize("artifact", [False, True], ids=["own predict", "artifact"])
def test_a_process_times_its_passes_and_calls(tmp_path, artifact):
    pytest.importorskip("torch", reason="predicts")
    weights = next((ROOT / "artifacts" / "pretrained").glob("*.safetensors"))
    images = np.random.default_rng(0).integers(0, 256, (130, 28, 28, 3), np.uint8)
    np.savez(tmp_path / "images.npz", image=images)
    payload = None
    if artifact:
        from export.torchscript import export
        from train.weights import load_weights

        payload = tmp_path / "model.pt"
        export(load_weights(weights)[0], 28, payload)
    job = {"framework": "torch", "format": "torchscript", "artifact": payload and str(payload)}
    job |= {"weights": str(weights), "images": str(tmp_path / "images.npz")}
    (tmp_path / "job.json").write_text(json.dumps(job | {"threads": 1, "passes": 2}))
    done = subprocess.run(
        [sys.executable, "-m", "study.predict_once", str(tmp_path / "job.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    profile = json.loads(done.stdout)
    assert len(profile["pass_s"]) == 2
    assert len(profile["first_pass_calls_s"]) == 2, "128 images, and 2 that are left"
    assert sum(profile["first_pass_calls_s"]) == pytest.approx(profile["pass_s"][0])
