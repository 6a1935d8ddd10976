"""What a worker's process can import, which variables, threads and cards it has."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from process_states import alive
from runs import printed

from infer.artifacts.artifact import open_artifact
from infer.outcome import Outcome
from infer.worker.client import WorkerProcess


@pytest.fixture(scope="module")
def probe(tmp_path_factory, root, run_cli, fake_artifact, inputs_file):
    """What a worker saw, of a project that has the packages `train` and `export`.

    The project is a copy of the runner, whose fake runtime is replaced by one that looks around
    and then says that it cannot take the artifact.
    """
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(root / "infer", project / "infer")
    for name in ("train", "export"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("")
    (project / "infer" / "runtimes" / "fake.py").write_text(
        textwrap.dedent(
            """
            import importlib.util, json, os, subprocess, sys

            def devices():
                return ["cpu"]

            def has_cuda():
                return None

            def load(path, options):
                child = subprocess.Popen(["sleep", "600"])
                found = {name: importlib.util.find_spec(name) is not None
                         for name in ("train", "export", "infer", "worker", "numpy",
                                      "exportbench.worker.server")}
                seen = {"found": found, "child": child.pid, "environment": dict(os.environ),
                        "imported": sorted(sys.modules), "cores": len(os.sched_getaffinity(0))}
                print("seen", json.dumps(seen), flush=True)  # to the log
                raise NotImplementedError("looked around")
            """
        )
    )
    inputs_file(project / "inputs.npz")
    fake_artifact(project, "artifact")
    done = run_cli(
        *("run", "artifact", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        *("--out", "runs", "--json", "out.json"),
        cwd=project,
        root=project,
    )
    assert "looked around" in done.stdout, done.stderr
    (log,) = project.glob("runs/*/logs/artifact-preflight.log")
    return printed(log, "seen") | {
        "row": json.loads((project / "out.json").read_text())["rows"][0],
        "project": project,
    }


def test_worker_sees_the_runner_and_not_the_code_that_trained_or_exported(probe):
    assert probe["found"] == {
        "train": False,
        "export": False,
        "infer": False,  # by its folder's name
        "worker": False,  # the runner's modules are in its package only
        "numpy": True,
        "exportbench.worker.server": True,
    }


def test_controller_of_that_project_does_see_it(probe):
    code = "import train, export; print(train.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=probe["project"],
        env=os.environ | {"PYTHONPATH": str(probe["project"])},
        capture_output=True,
        text=True,
    )

    assert Path(done.stdout.strip()).is_relative_to(probe["project"])


def test_runtime_that_cannot_take_an_artifact(probe):
    assert probe["row"]["outcome"] == Outcome.UNSUPPORTED
    assert probe["row"]["reason"] == "looked around"


def test_processes_that_a_runtime_starts_are_ended(probe):
    assert not alive(probe["child"])


def test_worker_has_the_threads_it_was_given_and_no_gpu(probe):
    assert probe["cores"] == 1
    environment = probe["environment"]
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["CUDA_VISIBLE_DEVICES"] == "-1"
    assert not any(name.startswith("PYTHON") for name in environment)


@pytest.mark.parametrize(
    ("device", "card", "seen"),
    [
        ("cpu", None, "-1"),
        ("cpu", "GPU-1", "-1"),
        ("cuda", "GPU-1", "GPU-1"),
        ("cuda", None, "3,4"),
    ],
)
def test_worker_sees_one_card_or_none(monkeypatch, tmp_path, fake_artifact, device, card, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    artifact = open_artifact(fake_artifact(tmp_path, "artifact"))
    with WorkerProcess(
        artifact,
        device=device,
        card=card,
        threads=1,
        scratch=tmp_path / "scratch",
        log=tmp_path / "log",
        timeout_s=60,
    ) as worker:
        worker.start()  # before, the process may not be the worker yet
        environment = psutil.Process(worker.pid).environ()

    assert environment["CUDA_VISIBLE_DEVICES"] == seen


HEAVY = {"tensorflow", "torch", "jax", "jaxlib", "keras", "flax", "onnxruntime", "onnx"}


def test_worker_imports_nothing_that_its_runtime_does_not_need(probe):
    imported = {name.partition(".")[0] for name in probe["imported"]}

    assert not imported & (HEAVY | {"scipy", "sklearn", "rich", "pandas"})


def test_controller_imports_no_framework(root):
    code = "import sys, infer.cli.main; print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}

    assert "infer" in imported
    assert not imported & (HEAVY | {"train", "export"})
    # What takes a second to import is imported where it is used: help and errors come at once.
    assert not {"scipy.stats", "scipy.special", "sklearn", "pandas"} & set(done.stdout.split())
