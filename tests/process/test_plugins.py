"""Formats and runtimes of other packages: found, measured and listed; what is wrong is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from plugin_distribution import DECLARATION, RUNTIME, write_distribution, write_tally

pytest_plugins = ("third_party_fixtures",)
WEIGHTS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32).tolist()
QUICK = ("--scenario", "single", "--turns", "1", "--burst", "0.005s", "--budget", "1s")


@pytest.fixture
def command(tmp_path, root):
    """Runs the command line where the packages in a folder are installed."""

    def run(*arguments, packages=tmp_path / "packages"):
        return subprocess.run(
            [sys.executable, "-m", "infer", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{root}:{packages}", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def tally(tmp_path):
    """A file of the plug-in's format, and inputs for it."""
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(1).random((5, 4), dtype=np.float32))
    return write_tally(tmp_path / "model.tally", WEIGHTS)


def plugins_of(done):
    return [
        (plugin["name"], plugin["kind"], plugin["problem"])
        for plugin in json.loads(done.stdout)["plugins"]
    ]


def test_inspect_reads_it_in_a_process_of_its_own(command, tally, tmp_path):
    write_distribution(tmp_path / "packages")
    (tmp_path / "model.notes").write_text("of its own")

    done = command("inspect", tally, "--json", "-")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["format"] == "tally" and result["weights"] == {"float32": 48}
    assert result["executes_code"] is None and result["files"] == 2
    assert [runtime["name"] for runtime in result["runtimes"]] == ["tally"]
    assert "numpy" in result["runtimes"][0]["versions"]


def test_without_the_plugin_the_file_is_not_known(command, tally):
    done = command("inspect", tally)

    assert done.returncode == 2 and "not recognized as SavedModel" in done.stderr


def test_damaged_files_end_in_a_line(command, tally, tmp_path):
    write_distribution(tmp_path / "packages")
    tally.write_bytes(tally.read_bytes()[:20])

    done = command("inspect", tally)

    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "model.tally: its weights cannot be read" in line


def test_run_measures_it_in_two_interpreters_with_a_setting(command, tally, tmp_path):
    write_distribution(tmp_path / "packages")

    done = command(
        *("run", tally, "--inputs", "x.npz", *QUICK, "--try", "tally:order=columns"),
        *("--python", f"tally:other={sys.executable}", "--device", "cpu", "--json", "-"),
    )

    assert done.returncode == 0, done.stderr
    rows = {row["artifact"]: row for row in json.loads(done.stdout)["rows"]}
    labels = ("model.tally", "model.tally (order=columns)", "model.tally (other)")
    assert tuple(sorted(rows)) == labels
    assert {row["outcome"] for row in rows.values()} == {"ok"}
    assert {row["format"] for row in rows.values()} == {"tally"}


def test_the_gate_holds_it_against_a_baseline(command, tally, tmp_path):
    write_distribution(tmp_path / "packages")
    gate = ("gate", "--baseline", "baseline.json")

    accepted = command(*gate, tally, "--inputs", "x.npz", *QUICK, "--device", "cpu", "--update")

    assert accepted.returncode == 0, accepted.stderr
    (entry,) = json.loads((tmp_path / "baseline.json").read_text())["artifacts"].values()
    assert entry["outcome"] == "ok"
    (results,) = [line for line in accepted.stderr.splitlines() if line.startswith("results: ")]
    judged = command(*gate, "--run", results.removeprefix("results: "), "--json", "-")
    assert judged.returncode == 0, judged.stderr
    checks = json.loads(judged.stdout)["checks"]
    assert {check["name"]: check["verdict"] for check in checks}["outcome"] == "passed"


def test_a_runtime_for_a_format_of_ours(command, third_party_models, tmp_path):
    declaration = DECLARATION.replace('formats = ["tally"]', 'formats = ["onnx"]')
    runtime = RUNTIME.replace(
        "from .files import read, signature_of",
        "from .files import signature_of\n\n"
        "def read(path):\n"
        "    return np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)\n",
    )
    write_distribution(
        tmp_path / "packages",
        entries={"runtimes": ("tally",)},
        declaration=declaration,
        runtime=runtime,
    )
    np.savez(tmp_path / "x.npz", x=np.ones((5, 4), np.float32))

    done = command(
        *("run", third_party_models("onnx") / "plain", "--inputs", "x.npz", *QUICK),
        *("--try", "onnx:runtime=tally", "--device", "cpu", "--json", "-"),
    )

    assert done.returncode == 0, done.stderr
    rows = {row["artifact"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows.keys() == {"plain", "plain (runtime=tally)"}
    assert {row["outcome"] for row in rows.values()} == {"ok"}


def test_doctor_lists_it(command, tally, tmp_path):
    write_distribution(tmp_path / "packages")
    (tmp_path / "some").mkdir()
    tally.rename(tmp_path / "some" / "model")

    done = command("doctor", "some", "--json", "-")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    runtime = result["runtimes"][-1]
    assert (runtime["name"], runtime["devices"]) == ("tally", ["an abacus"])
    (artifact,) = result["artifacts"]
    assert (artifact["format"], artifact["outcome"]) == ("tally", "ok")
    assert [(p["kind"], p["distribution"], p["version"]) for p in result["plugins"]] == [
        ("format", "exportbench-tally", "0.3"),
        ("runtime", "exportbench-tally", "0.3"),
    ]
    file = tmp_path / "packages" / "exportbench_tally" / "exportbench.toml"
    assert {plugin["file"] for plugin in result["plugins"]} == {str(file)}


def test_what_may_execute_code_needs_trust(command, tally, tmp_path):
    declaration = DECLARATION.replace("executes_code = false\n", "")
    write_distribution(tmp_path / "packages", declaration=declaration)
    arguments = ("run", tally, "--inputs", "x.npz", *QUICK, "--device", "cpu")

    assert "nobody has said that it cannot" in command(*arguments).stdout
    assert command(*arguments, "--trust").returncode == 0


def test_what_is_refused_is_said_in_a_line_and_the_rest_works(command, tally, tmp_path):
    write_distribution(tmp_path / "packages")
    write_distribution(
        tmp_path / "packages",
        name="exportbench-later",
        declaration=DECLARATION.replace("contract = 1", "contract = 9"),
        entries={"formats": ("later",)},
    )

    done = command("inspect", tally)

    assert done.returncode == 0 and "Tally" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: plug-in later (format of exportbench-later 0.3): ")
    assert "is made for version 9 of the contract, this program has 1" in line


@pytest.mark.parametrize("module", ["runtime", "__init__"])
def test_a_broken_runtime_ends_its_own_artifact_alone(
    command, tally, fake_artifact, tmp_path, module
):
    write_distribution(tmp_path / "packages", **{module: "raise RuntimeError('not today')\n"})
    other = fake_artifact(tmp_path, "other")

    done = command(
        *("run", tally, other, "--random", "0", "--samples", "4", *QUICK, "--device", "cpu"),
        *("--json", "-"),
    )

    assert done.returncode == 3, done.stderr
    rows = {row["artifact"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["other"]["outcome"] == "ok"
    assert rows["model.tally"]["outcome"] == "crash"
    assert "not today" in rows["model.tally"]["reason"]


def test_a_reader_that_is_no_reader_is_ended(command, tally, tmp_path):
    write_distribution(tmp_path / "packages", reader="import os\nos._exit(3)\n")

    done = command("inspect", tally)

    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "its reader ended with status 3" in line


def test_a_reader_writes_nothing(command, tally, tmp_path):
    trace = tmp_path / "trace"
    reader = f"from pathlib import Path\nPath({str(trace)!r}).write_text('here')\n"
    write_distribution(tmp_path / "packages", reader=reader)

    done = command("inspect", tally)

    assert done.returncode == 2 and not trace.exists()
    assert "Permission denied" in done.stderr


METRICS = """
import os

def top_2(outputs, truth):
    print("a metric that talks")
    best = outputs["probabilities"].argsort(axis=1)[:, -2:]
    return (best == truth["labels"][:, None]).any(axis=1)

def broken(outputs, truth):
    return os._exit(7)
"""


def test_metrics_of_a_plugin_stand_beside_ours(command, fake_artifact, inputs_file, tmp_path):
    declaration = "contract = 1\n" + "".join(
        f'[metrics.{name}]\nmodule = "metrics"\nfunction = "{function}"\n'
        for name, function in (("top-2", "top_2"), ("broken", "broken"), ("accuracy", "top_2"))
    )
    write_distribution(
        tmp_path / "packages",
        declaration=declaration,
        entries={"metrics": ("top-2", "broken", "accuracy")},
        metrics=METRICS,
    )
    artifact = fake_artifact(tmp_path, "one")
    inputs = inputs_file(tmp_path / "inputs.npz")

    done = command("run", artifact, "--inputs", inputs, *QUICK, "--device", "cpu", "--json", "-")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    (row,) = summary["rows"]
    assert row["metrics"]["accuracy"] < row["metrics"]["top-2"] <= 1
    assert "metric broken: its process ended with status 7" in "\n".join(summary["notices"])
    assert (
        "plug-in accuracy (metric of exportbench-tally 0.3): another has that name" in done.stderr
    )
    (report,) = (tmp_path / "artifacts" / "runs").glob("*/report.md")
    assert "top-2" in report.read_text()
