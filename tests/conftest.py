"""What tests of the runner share: artifacts of the fake runtime, inputs, the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import distributions
import numpy as np
import pytest

from infer.artifacts.manifest import Manifest, write_manifest
from infer.tensors.signature import Signature, TensorSpec

ROOT = Path(__file__).resolve().parents[1]
# Not the user's list of what was exported here (infer.sandbox.trust). The processes of pytest-xdist
# have the one of the process that starts them, since they share what is exported (made_once.py).
if "PYTEST_XDIST_WORKER" not in os.environ:
    _STATE = tempfile.TemporaryDirectory(prefix="exportbench-tests-")
    os.environ["XDG_STATE_HOME"] = _STATE.name
CLASSES = ("first", "second", "third")
# What `-m "not slow"` runs: folders and files below tests/. Everything else is slow.
QUICK = (
    *("architecture", "unit", "process/test_outcomes.py", "process/test_compared_runs.py"),
    *("process/test_wrong_usage.py", "process/test_disk_full.py"),
)
# The files that take longest, the longest first: with these at the end one process would wait for
# the other.
LONGEST = (
    "pages/test_page_commands.py",
    "e2e/test_main_job.py",
    "pages/test_install_commands.py",
    "e2e/test_main_job_faults.py",
    "frameworks/test_networks.py",
    "frameworks/test_public_models.py",
    "process/test_self_test.py",
    "process/test_limits.py",
    "process/test_resume.py",
    "frameworks/test_export_onnx_jax.py",
    "process/test_api.py",
    "process/test_trust.py",
    "frameworks/test_any_inputs.py",
    "process/test_report.py",
    "unit/measure/test_runs_on_a_card.py",
    "contract/test_formats.py",
    "process/test_gpu_check.py",
    "frameworks/test_aotinductor.py",
    "process/test_gate_command.py",
    "e2e/test_example_gate.py",
    "frameworks/test_train.py",
    "frameworks/test_own_model.py",
    "unit/diagnostics/test_simulated_verdicts.py",
    "contract/test_conformance.py",
)
# Whoever needs what these make is slow wherever it is: frameworks are imported, or whole runs made.
SLOW_FIXTURES = {"exported", "settled", "small_runs", "third_party_models", "trained"}


def pytest_configure(config: pytest.Config) -> None:
    """Keep the order of the files, where pytest-xdist begins with those of most tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and mark the slow tests."""
    ranks = {ROOT / "tests" / file: rank for rank, file in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    for item in items:
        path = item.path.relative_to(ROOT / "tests")
        is_quick = any(path.is_relative_to(quick) for quick in QUICK)
        if not is_quick or SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def make_signature(
    shape: tuple[int | None, ...] = (None, 4, 4, 3),
    dtype: str = "float32",
    name: str = "image",
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Signature:
    return Signature(
        (TensorSpec(name, shape, dtype, limits),),
        (TensorSpec("probabilities", (None, len(CLASSES)), "float32"),),
    )


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def signature() -> Callable[..., Signature]:
    """A factory of signatures: one input, probabilities of three classes out."""
    return make_signature


@pytest.fixture(scope="session")
def fake_artifact() -> Callable[..., Path]:
    """A factory of artifact folders for the fake runtime.

    `settings` go into the payload, unless its contents are given; `manifest` replaces what the
    manifest says.
    """

    def make(
        parent: Path,
        name: str,
        *,
        signature: Signature | None = None,
        manifest: dict[str, Any] | None = None,
        contents: bytes | None = None,
        **settings: Any,
    ) -> Path:
        folder = parent / name
        folder.mkdir(parents=True)
        signature = signature or make_signature()
        written = json.dumps({"signature": asdict(signature)} | settings).encode()
        (folder / "model.json").write_bytes(contents or written)
        stated: dict[str, Any] = {
            "name": name,
            "format": "fake",
            "payload": "model.json",
            "framework": "none",
            "native": False,
            "signature": signature,
            "precision": "float32",
            "producer": {"nobody": "1.0"},
            "weights": {"name": "made up", "sha256": "0" * 64, "framework": "none"},
            "created": "2026-01-01T00:00:00+00:00",
            "executes_code": False,
            "classes": CLASSES,
        }
        write_manifest(folder, Manifest(**stated | (manifest or {})))
        return folder

    return make


@pytest.fixture(scope="session")
def inputs_file() -> Callable[..., Path]:
    """A factory of inputs: ten images and their labels, unless told otherwise."""

    def make(path: Path, **arrays: Any) -> Path:
        random = np.random.default_rng(0)
        default = {
            "image": random.random((10, 4, 4, 3), dtype=np.float32),
            "labels": np.arange(10) % len(CLASSES),
        }
        np.savez(path, **(arrays or default))
        return path

    return make


def command(*arguments: Any, python: str = sys.executable) -> list[str]:
    return [python, "-m", "infer", *map(str, arguments)]


def environment(root: Path = ROOT) -> dict[str, str]:
    """This process's, with `root` as the folder of the project."""
    return os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200"}


@pytest.fixture(scope="session")
def run_cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a process of its own, and waits for it."""

    def run(
        *arguments: Any, cwd: Path, root: Path = ROOT, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments, python=python),
            cwd=cwd,
            env=environment(root),
            capture_output=True,
            text=True,
            timeout=600,  # on a machine that is busy with other things
        )

    return run


def _heed_signals() -> None:
    """Have no signal ignored, as a shell does for what runs in the background, and nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start_cli() -> Any:
    """Starts the command line and returns at once; what is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: Any, cwd: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments),
            cwd=cwd,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_signals,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and the sdist of the working tree."""
    return distributions.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the import path, with the package as people install it: `exportbench`."""
    (wheel,) = built.glob("*.whl")
    return distributions.unpack(wheel, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """The folder of a libcuda.so.1 that asks the system for what the CUDA driver does."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build what stands for the CUDA driver")
    folder = tmp_path_factory.mktemp("libcuda")
    source = ROOT / "tests" / "support" / "cuda_stand_in.c"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source, "-lpthread"],
        check=True,
    )
    return folder


@pytest.fixture
def with_driver(stand_in, monkeypatch):
    """This process's children find the stand-in, and no start is remembered."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(stand_in))
    monkeypatch.setattr("infer.sandbox.cuda_driver_start._started", {})
    monkeypatch.setattr("infer.sandbox.cuda_diagnosis._isolated", {})
    return monkeypatch
