"""`--python`: workers in other interpreters."""

import json
import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from runs import SMALL

import infer
from infer.artifacts.artifact import open_artifact
from infer.config import RunConfig
from infer.errors import UsageError
from infer.outcome import Failure
from infer.runtimes.registry import RUNTIMES
from infer.steps.planning import plan_run
from infer.system.interpreters import VARIABLE, Interpreter, parse_interpreters
from infer.system.interpreters import python_of as python_of_runtime
from infer.variant import Variant
from infer.worker import messages
from infer.worker.client import WorkerProcess

# Version 8, and a graph with one node of the kind "Abs".
GRAPH = b"\x08\x08\x3a\x07\x0a\x05\x22\x03Abs"
OLD = """echo '{"python": [3, 9], "missing": [], "versions": {}, "files": false}'"""
QUICK = (*SMALL, "--batch", "4", "--scenario", "single")


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """An environment that holds nothing."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return python_of(folder)


@pytest.fixture(scope="session")
def numpy_python(tmp_path_factory):
    """An environment that holds NumPy alone: all that a worker needs beside its runtime."""
    folder = tmp_path_factory.mktemp("numpy")
    venv.create(folder, symlinks=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = folder / "lib" / version / "site-packages"
    here = Path(np.__file__).parent
    for source in (here, here.with_name("numpy.libs")):
        if source.is_dir():
            (packages / source.name).symlink_to(source)
    return python_of(folder)


def onnx_model(folder: Path) -> Path:
    """The model of examples/gate, made by its own script."""
    script = ROOT / "examples" / "gate" / "make_model.py"
    subprocess.run([sys.executable, script], cwd=folder, check=True)
    return folder / "exported" / "digits.onnx"


def test_a_worker_needs_numpy_and_nothing_else(
    tmp_path, fake_artifact, inputs_file, run_cli, numpy_python
):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path, "m")
    done = run_cli("run", "m", *QUICK, "--python", f"other={numpy_python}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [(row["artifact"], row["outcome"]) for row in rows] == [
        ("m", "ok"),
        ("m (other)", "ok"),
    ]
    assert [row["environment"]["executable"] for row in rows] == [sys.executable, str(numpy_python)]
    assert f"--python fake:other={numpy_python}" in rows[1]["command"]


def test_what_is_missing_there_is_said_in_one_line(tmp_path, numpy_python):
    pytest.importorskip("onnx", reason="the model is an ONNX file")
    with pytest.raises(Failure) as failure:
        infer.load(onnx_model(tmp_path), python=numpy_python)
    assert failure.value.outcome == "unsupported"
    assert failure.value.reason == (
        f"onnxruntime is not installed in other: {numpy_python} -m pip install onnxruntime"
    )


def test_an_interpreter_may_be_for_one_format(tmp_path, fake_artifact, numpy_python):
    fake_artifact(tmp_path, "m")
    (tmp_path / "n.onnx").write_bytes(GRAPH)
    config = RunConfig(
        artifacts=(tmp_path / "m", tmp_path / "n.onnx"),
        python=(f"fake:one={numpy_python}", f"onnx:two={numpy_python}"),
    )
    plan = plan_run(config)
    assert [label for label, _ in plan.artifacts] == ["m", "m (one)", "n.onnx", "n.onnx (two)"]
    assert plan.variants["m (one)"] == Variant(interpreter="one", python=str(numpy_python))


def test_what_cannot_run_here_is_measured_only_there(tmp_path, numpy_python, monkeypatch):
    (tmp_path / "n.onnx").write_bytes(GRAPH)
    monkeypatch.setitem(RUNTIMES, "onnx", replace(RUNTIMES["onnx"], package="not_installed_here"))
    here = RunConfig(artifacts=(tmp_path / "n.onnx",))
    assert [label for label, _ in plan_run(here).artifacts] == ["n.onnx"]
    plan = plan_run(replace(here, python=(f"there={numpy_python}",)))
    assert [label for label, _ in plan.artifacts] == ["n.onnx (there)"]


@pytest.fixture
def elsewhere(tmp_path_factory, monkeypatch):
    """An interpreter beside this one that has a package which this one lacks, and no CUDA."""
    return _with_package(tmp_path_factory.mktemp("elsewhere"))


def _with_package(folder: Path, *files: str) -> Path:
    venv.create(folder, symlinks=True)
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    for name in ("numpy", "numpy.libs"):
        (packages / name).symlink_to(Path(np.__file__).parent.with_name(name))
    for file in ("only_elsewhere/__init__.py", *files):
        (packages / file).parent.mkdir(parents=True, exist_ok=True)
        (packages / file).write_text("")
    return python_of(folder)


def test_a_runtime_that_is_missing_here_is_taken_from_where_it_is(
    tmp_path, fake_artifact, monkeypatch, elsewhere, numpy_python
):
    monkeypatch.setitem(RUNTIMES, "fake", replace(RUNTIMES["fake"], package="only_elsewhere"))
    path = fake_artifact(tmp_path, "m")
    nowhere = f"{tmp_path}/nowhere:"  # as in $PATH, what is not there is passed over
    monkeypatch.setenv(VARIABLE, f"{nowhere}{numpy_python}:{elsewhere}:{sys.executable}")
    plan = plan_run(RunConfig(artifacts=(path,), python=(f"also={numpy_python}",)))
    assert [label for label, _ in plan.artifacts] == ["m", "m (also)"]
    places = {"scratch": tmp_path / "scratch", "log": tmp_path / "log"}
    limits = {"device": "cpu", "threads": 1, "timeout_s": 60}
    with WorkerProcess(open_artifact(path), **limits, **places) as worker:
        assert worker.start()["executable"] == str(elsewhere)
        assert worker.ask(messages.Load())["signature"]
    monkeypatch.setenv(VARIABLE, f"{nowhere}{numpy_python}")
    assert python_of_runtime("fake") is None
    plan = plan_run(RunConfig(artifacts=(path,), python=(f"also={numpy_python}",)))
    assert [label for label, _ in plan.artifacts] == ["m (also)"]


def test_for_cuda_a_build_with_cuda_comes_first(tmp_path, monkeypatch, elsewhere):
    with_cuda = _with_package(tmp_path / "cuda", "only_elsewhere/libcuda_provider.so")
    fake = replace(RUNTIMES["fake"], package="only_elsewhere", cuda_files="*/libcuda_prov*.so")
    monkeypatch.setitem(RUNTIMES, "fake", fake)
    monkeypatch.setenv(VARIABLE, f"{elsewhere}:{with_cuda}")
    assert python_of_runtime("fake") == str(elsewhere)
    assert python_of_runtime("fake", "cuda") == str(with_cuda)
    monkeypatch.setenv(VARIABLE, str(elsewhere))
    assert python_of_runtime("fake", "cuda") == str(elsewhere)


def test_a_broken_interpreter_beside_this_one_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setitem(RUNTIMES, "fake", replace(RUNTIMES["fake"], package="only_elsewhere"))
    monkeypatch.setenv(VARIABLE, str(broken))
    with pytest.raises(UsageError, match=f"{VARIABLE}: {broken}: does not run as a Python"):
        python_of_runtime("fake")


def test_an_interpreter_that_cannot_run_a_worker_is_refused(tmp_path, bare_python):
    def script(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    for text, what in (
        (f"x={tmp_path}/nowhere", "there is no program"),
        (f"x={script('old', OLD)}", "is Python 3.9, a worker needs 3.11"),
        (f"x={script('none', 'echo hello')}", "does not run as a Python interpreter"),
        (f"x={bare_python}", "-m pip install numpy"),
        ("x", "say NAME=PATH"),
        (f"tflow:x={bare_python}", "with a format of"),
    ):
        with pytest.raises(UsageError, match=what) as error:
            parse_interpreters([text])
        assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="named twice"):
        parse_interpreters([f"x={sys.executable}"] * 2)
    assert parse_interpreters([f"onnx:x={sys.executable}"]) == [
        Interpreter("x", Path(sys.executable), "onnx")
    ]
