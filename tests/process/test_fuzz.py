"""A short form of tools/fuzz.py; docs/safety.md has what the long one came to."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

pytest.importorskip("onnx")


def test_damaged_artifacts_come_to_an_answer(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "tools" / "fuzz.py", "--format", "onnx", "openvino"),
            *("--seed", "0", "--inspect", "40", "--run", "12", "--json", tmp_path / "found.json"),
            *("--keep", tmp_path / "kept"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "found.json").read_text())
    assert result["tries"] == 52 and result["findings"] == []
    assert len(result["damages"]) > 10
    assert {"described", "refused"} == set(result["inspected"]["onnx"])
