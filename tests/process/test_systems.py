"""Systems and Pythons: macOS without the sandbox, and one line where this cannot run."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy
import pytest
from conftest import ROOT
from runs import SMALL, left_behind

from infer import supported_systems


@pytest.fixture(scope="module")
def macos(tmp_path_factory, installed):
    """An environment whose interpreters take their system for macOS, with exportbench installed."""
    folder = tmp_path_factory.mktemp("macos")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    shutil.copy(ROOT / "tests" / "support" / "macos_double.py", packages)
    of_ours = Path(numpy.__file__).parents[1]
    lines = (str(installed), str(of_ours), "import macos_double")
    (packages / "macos.pth").write_text("\n".join(lines) + "\n")

    def exportbench(*arguments, cwd):
        return subprocess.run(
            [folder / "bin" / "python", "-m", "exportbench", *map(str, arguments)],
            cwd=cwd,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return exportbench


def test_macos_measures_without_the_sandbox_and_says_so(
    macos, tmp_path, fake_artifact, inputs_file
):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path / "exported", "a")
    fake_artifact(tmp_path / "exported", "b")

    done = macos("run", "exported", *SMALL, "--scenario", "single", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["outcome"] for row in rows] == ["ok", "ok"]
    assert all(row["timings"]["batch 1"]["call_s"] > 0 for row in rows)
    assert all(row["peak_rss_bytes"] is None for row in rows)  # Linux's /proc has it
    assert "only Linux can" in done.stdout
    assert left_behind(tmp_path) == []


def test_macos_reads_a_file_in_a_process_without_a_limit_of_memory(macos, tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes.fromhex("08083a0b0a070a01781201792203416273"))
    done = macos("inspect", "model.onnx", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "its reader ended" not in done.stdout + done.stderr
    assert "onnx" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("patched", "value", "what"),
    [
        ("os.name", "nt", "on Windows use it in WSL"),
        ("sys.version_info", (3, 10, 4), "3.11 or newer"),
    ],
)
def test_where_it_cannot_run_it_says_so_in_one_line(tmp_path, patched, value, what):
    """As a program, for programs, and without a module that is not there."""
    program = (
        "import os, sys, infer; from infer.__main__ import main\n"
        f"{patched} = {value!r}\n"
        "sys.modules['fcntl'] = sys.modules['resource'] = None\n"
        "status = main()\n"
        "try:\n    infer.run\n"
        "except ImportError as error:\n    print(error)\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: exportbench ")
    assert what in line
    assert what in done.stdout


def test_here_it_can_run():
    assert supported_systems.obstacle() is None
