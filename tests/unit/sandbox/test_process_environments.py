"""The environment variables of processes that open files of strangers."""

import ast
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

import infer
from infer.measure import roofline
from infer.sandbox.cuda_diagnosis import cuda_by_layer
from infer.sandbox.reader_limits import run_limited
from infer.variant import TUNED
from infer.worker.environment_variables import environment_of

PACKAGE = Path(infer.__file__).parent


def test_no_process_that_opens_files_is_given_secrets(monkeypatch):
    monkeypatch.setenv("CI_JOB_TOKEN", "secret")
    monkeypatch.setenv("NVIDIA_API_KEY", "secret")
    environments = [environment_of("cpu", 1, TUNED, None, tf32=False)]

    def start(command, **options):
        environments.append(options["env"])
        raise OSError

    monkeypatch.setattr(subprocess, "Popen", start)
    for begin in (
        lambda: run_limited("sandbox.reader_process", reads=[], timeout_s=1),
        lambda: cuda_by_layer(1.0),
        lambda: roofline.measure("cpu", threads=1, pythons=[], timeout_s=1),
    ):
        with suppress(OSError):
            begin()

    assert len(environments) == 4
    assert all("secret" not in environment.values() for environment in environments)
    assert all("PATH" in environment for environment in environments)


def starts():
    """Where the package starts a process with a command of ours, by the file."""
    for file in sorted(PACKAGE.rglob("*.py")):
        text = file.read_text()
        if "command_of(" in text and file.name != "launcher.py":
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess."):
                    yield file.relative_to(PACKAGE), node


def test_whoever_starts_a_process_says_its_environment():
    """Or else it would get all that the controller has."""
    started = [(file, node) for file, node in starts() if "Error" not in ast.unparse(node.func)]
    assert started
    for file, node in started:
        assert "env" in [keyword.arg for keyword in node.keywords], (file, node.lineno)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_workers_get_what_the_run_sets(device):
    assert environment_of(device, 3, TUNED, None, tf32=False)["OMP_NUM_THREADS"] == "3"
