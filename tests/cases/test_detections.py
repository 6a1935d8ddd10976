"""Detectors with non-maximum suppression inside: another number of rows for every image."""

import shlex

import numpy as np
import pytest

from infer.records.events import latest
from infer.records.example_events import ExamplesTaken
from infer.records.store import read_events
from infer.report.html import render
from infer.results.recorded_run import read_run
from tests.support import case_models_detection as models
from tests.support.case_runs import run_case
from tests.support.pages import COMMANDS

# The command of docs/metrics.md, which compares detector.onnx and detector.pt.
PAGE = next(line for page, line in COMMANDS if page.name == "metrics.md" and "--rows" in line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detectors")
    models.onnx_detector(folder / "detector.onnx")
    models.onnx_detector(folder / "single.onnx", images=1)
    models.torch_detector(folder / "detector.pt")
    models.torch_detector(folder / "moved.pt", moved=0.05)
    models.onnx_detector(folder / "fewer.onnx", least_score=0.5)
    np.savez(folder / "images.npz", x=models.candidates(), **models.objects())
    return folder


def test_sets_of_two_formats_are_equal_or_say_which_rows_differ(folder):
    names = "detector.onnx", "detector.pt", "single.onnx", "moved.pt", "fewer.onnx"
    _, _, *page = shlex.split(PAGE)
    assert tuple(page[:2]) == names[:2]
    done = run_case(folder, *names[2:], *page, "--batch", 4, "--reference", "detector.onnx")

    assert [done.outcome(name) for name in names] == ["ok"] * 3 + ["parity_fail"] * 2
    assert "rows of 'boxes', 'classes', 'scores' were compared as sets" in done.notes("detector.pt")
    assert "by 0.05" in done.reason("moved.pt")
    missing = "0 rows of 'boxes' are not among the reference's, and "
    assert missing in done.reason("fewer.onnx")
    assert any("no such row" in sample["answer"]["value"] for sample in _differing(done))
    found = {row["artifact"]: row["metrics"] for row in done.summary["rows"]}
    assert found["detector.pt"] == found["single.onnx"] == pytest.approx(found["detector.onnx"])
    assert 0.2 < found["fewer.onnx"]["AR100"] < found["detector.onnx"]["AR100"] < 1
    assert found["fewer.onnx"]["mAP"] < found["detector.onnx"]["mAP"]
    assert found["moved.pt"]["mAP"] != found["detector.onnx"]["mAP"]
    run = max((folder / "artifacts" / "runs").iterdir())
    taken = latest(ExamplesTaken, read_events(run))
    assert taken.keys() == {*names[1:]}
    differing = {name: event.outputs[0].differing for name, event in taken.items()}
    assert differing["detector.pt"] == differing["single.onnx"] == 0
    assert differing["moved.pt"] and differing["fewer.onnx"]
    page = render([read_run(run)])
    assert "without a partner" in page and "truth: " in page


def _differing(done):
    (row,) = [row for row in done.summary["rows"] if row["artifact"] == "fewer.onnx"]
    return [sample for sample in row["differing"] if isinstance(sample["answer"]["value"], str)]


def test_rows_that_come_in_another_order_in_each_call_are_the_same_set(tmp_path):
    for name, changes in (
        ("sorted", {}),
        ("shuffled", {"shuffle": True}),
        ("noisy", {"noise": 1.0}),
    ):
        models.onnx_box_list(tmp_path / f"{name}.onnx", **changes)
    np.savez(tmp_path / "inputs.npz", boxes=models.candidates()[..., :4])
    names = "sorted.onnx", "shuffled.onnx", "noisy.onnx"

    case = run_case(tmp_path, *names, "--inputs", "inputs.npz", "--compare", "found=set")

    assert [case.outcome(name) for name in names] == ["ok", "ok", "parity_fail"], case.text
    assert "draws random numbers" not in case.notes("shuffled.onnx")
    assert "other samples" not in case.notes("shuffled.onnx")
    assert "draws random numbers" in case.notes("noisy.onnx")
