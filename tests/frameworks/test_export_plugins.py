"""Exporters of other packages in `python -m export`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_distribution import write_distribution

pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
PRETRAINED = ROOT / "artifacts" / "pretrained" / "torch-paper-28-seed0.safetensors"
DECLARATION = """
contract = 1

[exporters.again]
module = "exporter"
format = "torchscript"
framework = "torch"
payload = "model.pt"
needs = ["torch"]
install = "pip install exportbench-again"
distributions = ["torch"]
"""
EXPORTER = """
from export.torchscript import export as ours


def export(weights, size, path):
    return ours(weights, size, path)
"""


@pytest.fixture
def command(tmp_path):
    """Exports weights with the exporter `again` of a package in the folder `packages`."""

    def run(declaration=DECLARATION, name="again", wanted="again"):
        packages = write_distribution(
            tmp_path / "packages",
            name="exportbench-again",
            entries={"exporters": (name,)},
            declaration=declaration,
            exporter=EXPORTER,
        )
        arguments = (
            str(PRETRAINED),
            "--format",
            wanted,
            "--dataset",
            "synthetic",
            "--out",
            "exported",
        )
        return subprocess.run(
            [sys.executable, "-m", "export", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{packages}", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=200,
        )

    return run


def test_an_exporter_of_another_package_is_run_and_checked(command, tmp_path):
    done = command()

    assert done.returncode == 0, done.stderr
    assert "differs from the framework's own prediction by at most" in done.stderr
    folder = tmp_path / "exported" / PRETRAINED.stem / "again"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (folder / "model.pt").is_file()
    assert (manifest["format"], manifest["framework"]) == ("torchscript", "torch")
    assert manifest["executes_code"] and not manifest["native"]
    assert "torch" in manifest["producer"] and manifest["verified"]["differences"]


@pytest.mark.parametrize(
    ("declaration", "name", "reason"),
    [
        (DECLARATION.replace("torchscript", "other"), "again", "writes the format 'other', which"),
        (DECLARATION.replace("again", "onnx-torch", 1), "onnx-torch", "which is used"),
    ],
)
def test_one_that_is_refused_is_named(command, declaration, name, reason):
    done = command(declaration, name, wanted="unknown")

    assert done.returncode == 2
    warning, error = done.stderr.splitlines()
    assert warning.startswith(f"warning: plug-in {name} (exporter of ") and reason in warning
    assert "unknown format 'unknown'" in error and "again" not in error


def test_what_it_needs_is_named_with_the_remedy(command):
    done = command(DECLARATION.replace('needs = ["torch"]', 'needs = ["nothing_like_it"]'))

    assert done.returncode == 3
    remedy = "nothing_like_it is not installed: pip install exportbench-again"
    assert remedy in done.stderr and "Traceback" not in done.stderr
