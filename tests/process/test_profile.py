"""The command `exportbench profile` with the fake runtime."""

import json

import pytest
from case_runs import SHORT

from infer.cli import main


@pytest.fixture
def profiled(tmp_path, fake_artifact, capsys):
    """Profile artifacts; return the status, the JSON, the trace and what was printed."""

    def profile(**artifacts):
        paths = [fake_artifact(tmp_path, name, **settings) for name, settings in artifacts.items()]
        written, trace = tmp_path / "profile.json", tmp_path / "trace.json"
        options = f"--random 0 --batch 2 --device cpu --threads 1 --json {written} --trace {trace}"
        page = f"--html {tmp_path / 'page.html'}"
        status = main.main(["profile", *map(str, paths), *options.split(), *page.split()])
        result = json.loads(written.read_text())
        return status, result, json.loads(trace.read_text()), capsys.readouterr().out

    return profile


def test_profiles_of_artifacts_side_by_side(profiled):
    fast = [["relu", "Relu", 0.001], ["conv", "Conv", 0.002]]
    status, result, trace, text = profiled(
        fast={"call_s": 0.005, "operators": fast},
        none={"call_s": 0.005},
        broken={"fault": {"at": "load", "kind": "error", "says": "no such layer"}},
    )
    assert status == 3  # an artifact cannot be run
    profiles = {profile["artifact"]: profile for profile in result["profiles"]}
    assert profiles["fast"]["seconds"]["convolution"] == pytest.approx(0.002, rel=0.01)
    rest_s = profiles["fast"]["call_s"] - 0.003
    assert profiles["fast"]["overhead_s"] == pytest.approx(rest_s, rel=0.01)
    assert profiles["none"]["problem"] == "the fake runtime was given no operators"
    assert profiles["none"]["plain_s"] >= 0.005
    assert "no such layer" in profiles["broken"]["problem"]
    assert "none: not profiled: the fake runtime was given no operators" in text
    assert [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"] == ["relu", "conv"]


def test_names_of_operators_cannot_control_the_terminal(profiled):
    operators = [["\x1b[31mred", "Conv\u202e", 0.001]]
    _, _, _, text = profiled(a={"call_s": 0.005, "operators": operators})
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_page_has_bars_of_calls_and_layers(profiled, tmp_path):
    profiled(a={"call_s": 0.005, "operators": [["conv<b>", "Conv", 0.002]]})
    page = (tmp_path / "page.html").read_text()
    assert 'class="shares"' in page
    assert "convolution 2" in page  # milliseconds
    assert "conv&lt;b&gt;" in page
    assert "conv<b>" not in page


def test_run_with_why_profiles_the_fastest_and_the_slowest(tmp_path, fake_artifact, capsys):
    operators = [["conv", "Conv", 0.001]]
    paths = [
        fake_artifact(tmp_path, name, call_s=call_s, operators=operators)
        for name, call_s in (("a", 0.002), ("b", 0.05), ("c", 0.005))
    ]
    options = f"--random 0 --batch 2 --device cpu --threads 1 --out {tmp_path} --why --json -"
    assert main.main(["run", *map(str, paths), *options.split(), *SHORT]) == 0
    summary = json.loads(capsys.readouterr().out)
    profiles = summary["profiles"]
    assert [profile["artifact"] for profile in profiles] == ["a", "b"]
    assert profiles[0]["operators"][0]["name"] == "conv"
    (folder,) = (path.parent for path in tmp_path.glob("*/results.jsonl"))
    assert "Why: where the time of a call goes" in (folder / "report.md").read_text()
    assert main.main(["report", str(folder), "--out", str(tmp_path / "report.html")]) == 0
    assert 'class="layers"' in (tmp_path / "report.html").read_text()


def test_inputs_that_a_function_yields(tmp_path, fake_artifact):
    artifact = fake_artifact(tmp_path, "a", operators=[["relu", "Relu", 0.001]], call_s=0.005)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\n"
        "def batches():\n    yield {'image': np.zeros((4, 4, 4, 3), np.float32)}\n"
    )
    written = tmp_path / "profile.json"
    options = f"--batch 2 --device cpu --threads 1 --json {written}".split()

    status = main.main(
        ["profile", str(artifact), "--inputs", f"{tmp_path / 'mine.py'}:batches", *options]
    )

    assert status == 0, written.read_text()
