"""What the tests of training, export and the main job run: the project's commands.

The fixtures that run them once for all files are in frameworks.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from export.exporters import EXPORTERS

ROOT = Path(__file__).resolve().parents[2]
ONE_FRAMEWORK = Path(__file__).with_name("one_framework.py")
FRAMEWORKS = ("keras", "torch", "flax")
# What the tests export for one another. To compile takes as long as all of these; one tiny module
# stands for that, in test_aotinductor.py.
FORMATS = tuple(name for name, exporter in EXPORTERS.items() if not exporter.compiles)
# For a run that shall only be one: few calls, and short. One thread, as other tests run beside it.
QUICK = "--turns 1 --burst 0.02s --threads 1"
LIMIT_S = 900  # for a command, on a machine that is busy with other things

Done = subprocess.CompletedProcess


def environment() -> dict[str, str]:
    """The environment of a command that starts in the test's folder, or in the project's."""
    # One thread: those of OpenMP wait for each other in vain where other programs are busy.
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
    }


def typed_in(folder: Path, programs: Path) -> Callable[..., Done[str]]:
    """Runs a line in a folder as its reader types it, with this Python and its programs.

    Args:
        folder: where it is typed.
        programs: a folder to be made for the programs.
    """
    programs.mkdir()
    for name, what in (
        ("python", ""),
        ("exportbench", "-m infer "),
        ("pre-commit", "-m pre_commit "),
    ):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {what}"$@"\n')
        program.chmod(0o755)
    variables = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}  # as in environment()
    return shell_in(folder, os.environ | variables, programs)


def shell_in(folder: Path, variables: dict[str, str], programs: Path) -> Callable[..., Done[str]]:
    """Runs a line in a folder, or in one below it, with the programs of another folder first."""
    variables = variables | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def run(line: str, where: str = ".") -> Done[str]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=folder / where,
            env=variables,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )

    return run


def skip_without_package_index() -> None:
    """Skip the test where pip cannot download, for what the test needs is none of its failures."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--no-deps", "--disable-pip-version-check", "--dest", folder)
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", *options, "packaging"],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        pytest.skip(f"needs a package index: {why}")


def command(*arguments: object, cwd: Path = ROOT, **variables: str) -> Done[str]:
    """Run a module of the project, as `python -m` and these arguments, with more variables."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=cwd,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def one_framework(framework: str, folder: Path, **job: object) -> None:
    """Run tests/support/one_framework.py; what it writes is in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    job_file = folder / "job.json"
    job_file.write_text(json.dumps({"out": str(folder)} | job, default=str))
    done = subprocess.run(
        [sys.executable, str(ONE_FRAMEWORK), framework, str(job_file)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Trained:
    """A tiny training of all frameworks: the command's end, and the weights files by framework."""

    done: Done[str]
    weights: dict[str, Path]

    def record(self, framework: str) -> dict:
        return json.loads(self.weights[framework].with_suffix(".json").read_text())


@dataclass(frozen=True)
class Exported:
    """All artifacts of the settled weights: the command's end, and their folders by exporter."""

    done: Done[str]
    out: Path
    folder: Path

    def manifest(self, name: str) -> dict:
        return json.loads((self.folder / name / "manifest.json").read_text())
