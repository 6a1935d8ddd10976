"""Runtimes in two environments, as on a machine with a card: what is run where.

Both hold the packages of the environment that the tests run in, each without some: CPU builds in
the place of CUDA's.
"""

import json
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from commands import environment
from conftest import ROOT

WEIGHTS = next((ROOT / "artifacts" / "pretrained").glob("*.safetensors"))

PREDICT = """
import json, sys
import infer, numpy

with infer.load(sys.argv[1], threads=1) as model:
    (outputs,) = model.run(numpy.zeros((2, 28, 28, 3), "float32")).values()
    print(json.dumps({"versions": list(model.versions), "shape": outputs.shape}))
"""


def environment_without(folder: Path, *packages: str) -> Path:
    """An interpreter that has what this one has, but not these packages."""
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    here = Path(np.__file__).parent.parent
    for path in here.iterdir():
        if path.name not in packages and path.suffix != ".pth":
            (site / path.name).symlink_to(path)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Runs a command in an environment without PyTorch, beside one that has it."""
    if find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: it is what the other environment has")
    folder = tmp_path_factory.mktemp("two")
    without_torch = environment_without(folder / "all", "torch")
    # Called as the package is: a folder of that name is none.
    other = environment_without(folder / "torch", "tensorflow", "jax", "onnxruntime")
    known = environment() | {"EXPORTBENCH_PYTHONS": f"{without_torch}:{other}"}

    def run(*arguments):
        command = [without_torch, "-m", *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder, run.without_torch, run.other = folder, without_torch, other
    return run


def test_an_artifact_is_exported_checked_and_run_where_its_framework_is(two):
    two("export", WEIGHTS, "--format", "torchscript", "--dataset", "synthetic", "--out", "exported")
    (artifact,) = (two.folder / "exported").glob("*/torchscript")
    (two.folder / "predict.py").write_text(PREDICT)
    prediction = json.loads(two("predict", artifact))
    assert prediction == {"versions": ["torch"], "shape": [2, 8]}


def test_what_no_environment_has_is_said(two):
    done = subprocess.run(
        [two.without_torch, "-m", "train", "torch", "--dataset", "synthetic"],
        cwd=two.folder,
        env=environment() | {"EXPORTBENCH_PYTHONS": f"{sys.executable}-none"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "torch is not installed: pip install" in done.stderr
