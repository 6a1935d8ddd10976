"""The lines of the pages that install something, as their reader types them, and what they lead to.

In an environment of their own, in a copy of the checkout. They download, and are skipped where that
is not possible. What docs/public-models.md downloads is in its own test.
"""

import json
import os
import re
import shutil
import venv
from pathlib import Path

import numpy as np
import pytest
from commands import QUICK, shell_in, skip_without_package_index
from conftest import ROOT
from packaging.version import Version
from pages import PIP, PYTEST, of_tox

import infer

_NOT_SOURCE = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
_QUICK = f"{QUICK} --budget 1s"


def _typed(line):
    """A page's line without what it measures."""
    return re.sub(" && tox .*", "", line).replace("python3 ", "python ")


def _ignored(folder, names):
    """What a fresh clone does not have; the artifacts are in the folder of that name at the top."""
    made = {"artifacts"} if Path(folder) == ROOT else set()
    return {*_NOT_SOURCE(folder, names), *made}


# Those of adding-a-format.md install a package that the reader writes; test_plugins.py has one.
_ELSEWHERE = ("public-models.md", "adding-a-format.md")
LINES = dict.fromkeys(_typed(line) for page, line in PIP if page.name not in _ELSEWHERE)


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Runs a line in a copy of the checkout, with an environment that holds nothing but pip."""
    skip_without_package_index()
    folder = tmp_path_factory.mktemp("clone") / "exportbench"
    shutil.copytree(ROOT, folder, ignore=_ignored)
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True, with_pip=True)
    # Most of what is installed is never imported.
    variables = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "1"}
    variables.pop("PYTHONPATH", None)
    run = shell_in(folder, variables, environment / "bin")
    run.folder = folder
    return run


def succeeds(done):
    assert done.returncode == 0, (done.args, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def installed(shell):
    """The shell when all lines of the pages have been typed in it, and what each said."""
    return shell, {line: succeeds(shell(line)) for line in LINES}


@pytest.fixture(scope="module")
def models(installed):
    """The folder of somebody's models, beside the checkout."""
    shell, _ = installed
    succeeds(shell("python make_model.py", "examples/gate"))
    return "examples/gate"


def test_a_wheel_holds_what_is_needed_to_measure_and_to_report(installed, models):
    shell, _ = installed
    where = succeeds(shell("python -c 'import exportbench; print(exportbench.__file__)'", models))
    assert "site-packages" in where
    line = f"exportbench run exported --inputs test.npz {_QUICK} --scenario single --out runs"
    succeeds(shell(line, models))
    succeeds(shell("exportbench report runs/* --out report.html", models))
    assert (shell.folder / models / "report.html").stat().st_size > 10_000


def test_the_gate_runs_in_pytest(installed, models):
    shell, _ = installed
    shutil.copytree(shell.folder / models / "exported", shell.folder / models / "former")
    options = f"--inputs test.npz --baseline baseline.json --update {_QUICK}"
    succeeds(shell(f"exportbench gate exported/ {options}", models))
    ((_, line),) = PYTEST
    # So few calls leave the gate unsure of times, and the tests of these fail.
    done = shell(re.sub(r"'$", f" {_QUICK}' -v", line), models)
    assert done.returncode in (0, 1), done.stderr
    for check in ("outcome", "parity", "accuracy", "size"):
        assert f"artifacts::digits.onnx::{check} PASSED" in done.stdout


def test_tox_reads_the_environments_as_these_tests_do(installed):
    shell, _ = installed
    line = "tox -e train,infer -- --seed 1"
    config = succeeds(shell(line.replace("tox", "tox config -k commands", 1)))
    for command in of_tox(line):
        assert f".tox/all/bin/{command}\n" in config


def test_two_versions_of_a_runtime_are_two_rows(installed, models):
    shell, _ = installed
    old = shell.folder / "old" / "bin" / "python"
    (version,) = re.findall(r"onnxruntime==(\S+)", " ".join(LINES))
    options = f"{QUICK} --scenario single --json found.json"
    done = shell(f"exportbench run exported --inputs test.npz {options} --python old={old}", models)
    succeeds(done)
    result = json.loads((shell.folder / models / "found.json").read_text())
    rows = {row["artifact"]: row for row in result["rows"]}
    assert rows["digits.onnx (old)"]["versions"] == {"onnxruntime": version}
    newer = rows["digits.onnx"]["versions"]["onnxruntime"]
    assert Version(newer) > Version(version)
    assert all(row["timings"]["batch 1"]["call_s"] > 0 for row in rows.values())
    assert rows["digits.onnx (old)"]["timings"]["batch 1"]["ratio"]["low"] > 0
    assert version in done.stdout and newer in done.stdout
    model = shell.folder / models / "exported" / "digits.onnx"
    with infer.load(model, python=old, threads=1) as loaded:
        assert loaded.versions == {"onnxruntime": version}
        outputs = loaded.run(np.zeros((2, 64), np.float32))
        assert outputs["probabilities"].shape == (2, 10)
