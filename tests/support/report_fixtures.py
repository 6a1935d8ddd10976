"""Two small real runs of the fake runtime, made once for all test files that read runs.

A test file that needs them says `pytest_plugins = ("report_fixtures",)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from made_once import made_once
from runs import SMALL

# What a stranger may call an artifact.
HOSTILE = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Runs:
    """The folders of two runs: in the second, `slow` is another file and slower still."""

    first: Path
    second: Path


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory, fake_artifact, inputs_file, run_cli) -> Runs:
    def measure(folder: Path) -> None:
        inputs_file(folder / "inputs.npz")
        fake_artifact(folder / "a", "fast", call_s=0.002, manifest={"native": True})
        fake_artifact(folder / "a", "slow", call_s=0.004)
        fake_artifact(folder / "a", HOSTILE, call_s=0.002, bias=0.25)
        fake_artifact(folder / "a", "broken", fault={"at": "load", "kind": "error"})
        # The calls of the second run are those that the first has too.
        # Calls enough for a p90, and too few for a p99.
        calls = ("--turns", "6", "--burst", "0.03s")
        options = (*SMALL, *calls, "--batch", "4", "--reference", "fast", "--scenario", "single")
        for name, artifacts, more, status in (
            ("first", ("a",), ("batch", "sweep"), 3),  # broken cannot be measured
            ("second", ("a/fast", "a/slow"), (), 0),
        ):
            done = run_cli("run", *artifacts, *options, *more, cwd=folder)
            assert done.returncode == status, done.stderr
            run = done.stderr.rpartition("results: ")[2].strip()
            (folder / name).symlink_to(run)
            slower = folder / "a" / "slow"
            for file in slower.iterdir():
                file.unlink()
            slower.rmdir()
            fake_artifact(folder / "a", "slow", call_s=0.02)

    folder = made_once(tmp_path_factory, "report", measure)
    return Runs((folder / "first").resolve(), (folder / "second").resolve())
