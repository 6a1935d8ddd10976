"""`exportbench gate`, run as a user does, on artifacts of the fake runtime."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from runs import SMALL

from infer.cli.main import main

QUICK = (*SMALL, "--batch", "4", "--scenario", "single")


@pytest.fixture
def project(tmp_path, fake_artifact, inputs_file):
    """A folder with an artifact, inputs and a place for baselines."""
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path / "new", "m", call_s=0.004)
    return tmp_path


@pytest.fixture
def gate(project, run_cli):
    """Runs the gate in the folder; gives its end."""

    def run(*arguments, artifacts="new"):
        return run_cli(
            "gate", artifacts, *QUICK, "--baseline", "baseline.json", *arguments, cwd=project
        )

    return run


def checks(project):
    result = json.loads((project / "out.json").read_text())
    return {(c["artifact"], c["name"]): c["verdict"] for c in result["checks"]}


def test_a_gate_from_the_first_baseline_to_a_regression(project, gate, run_cli, fake_artifact):
    missing = gate()
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1
    assert "--update" in missing.stderr

    updated = gate("--update")
    assert updated.returncode == 0
    assert "taken into the baseline" in updated.stderr
    assert checks(project)["m", "accuracy"] == "passed"
    assert checks(project)["m", "latency, batch 1"] == "not judged"
    assert "cannot judge time" in updated.stdout

    # A baseline from a machine that was ten times as fast: beside the former artifact all is well.
    baseline = json.loads((project / "baseline.json").read_text())
    baseline["artifacts"]["m"]["call_s"]["batch 1"] /= 10
    (project / "baseline.json").write_text(json.dumps(baseline))
    same = gate("--against", "new", "--margin", "latency=50%", "--protocol", "paper")
    assert same.returncode == 0, same.stdout + same.stderr
    assert checks(project)["m", "latency, batch 1"] == "passed"

    # Slower, and with other outputs.
    fake_artifact(project / "worse", "m", call_s=0.012, bias=0.2)
    worse = gate(
        *("--against", "new", "--protocol", "paper"),
        *("--markdown", "gate.md", "--junit", "gate.xml"),
        artifacts="worse",
    )
    assert worse.returncode == 1, worse.stdout + worse.stderr
    verdicts = checks(project)
    assert verdicts["m", "latency, batch 1"] == verdicts["m", "parity"] == "failed"
    assert "## ❌ Gate failed" in (project / "gate.md").read_text()
    junit = ElementTree.parse(project / "gate.xml").getroot()
    assert {c.get("name") for c in junit.iter("testcase") if c.find("failure") is not None} == {
        "latency, batch 1",
        "parity",
        "size",
    }

    # The run that was measured can be judged again, by other margins.
    folder = worse.stderr.strip().splitlines()[-1].removeprefix("results: ")
    again = ("gate", "--run", folder, "--baseline", "baseline.json", "--json", "out.json")
    assert run_cli(*again, cwd=project).returncode == 1
    wide = ("--margin", "latency=900%", "parity=0.5", "size=50%")
    assert run_cli(*again, *wide, cwd=project).returncode == 0


def test_what_crashes_or_is_gone_fails_and_the_rest_is_judged(project, gate, fake_artifact):
    fake_artifact(project / "new", "n", call_s=0.001)
    assert gate("--update").returncode == 0
    fake_artifact(project / "other", "m", fault={"at": "run", "kind": "crash"})
    done = gate(artifacts="other")
    assert done.returncode == 1
    verdicts = checks(project)
    assert verdicts == {("m", "outcome"): "failed", ("n", "outcome"): "failed"}
    assert "run it alone" in done.stdout


def test_an_update_tells_of_what_does_not_run(project, gate, fake_artifact):
    fake_artifact(project / "new", "broken", fault={"at": "load", "kind": "error"})
    for expected in (1, 0):  # what has been accepted once is known
        done = gate("--update")
        assert done.returncode == expected, done.stdout + done.stderr
        assert ("broken did not run to its end" in done.stderr) == bool(expected)
    assert gate().returncode == 0


def test_a_failure_for_another_reason_than_before_fails(project, gate, fake_artifact):
    fake_artifact(project / "new", "broken", fault={"at": "load", "kind": "error"})
    assert gate("--update").returncode == 1
    entry = json.loads((project / "baseline.json").read_text())["artifacts"]["broken"]
    assert (entry["outcome"], entry["cause"]) == ("load_error", "load: RuntimeError")
    (project / "new" / "broken" / "model.json").write_text("{}")

    done = gate()

    assert done.returncode == 1
    assert "load_error in the baseline too, for another reason" in done.stdout
    assert checks(project)["m", "outcome"] == "passed"


def test_an_update_keeps_what_is_not_named_until_it_is_dropped(project, gate, fake_artifact):
    fake_artifact(project / "new", "n", call_s=0.001)
    assert gate("--update").returncode == 0
    of_n = json.loads((project / "baseline.json").read_text())["artifacts"]["n"]

    done = gate("--update", artifacts="new/m")

    assert done.returncode == 0
    assert "kept in the baseline as they were" in done.stderr and "n (to" in done.stderr
    assert json.loads((project / "baseline.json").read_text())["artifacts"]["n"] == of_n
    assert gate("--update", "--drop", "n", artifacts="new/m").returncode == 0
    assert json.loads((project / "baseline.json").read_text())["artifacts"].keys() == {"m"}


def test_a_file_that_is_empty_is_not_called_missing(project, gate, fake_artifact):
    other = fake_artifact(project / "new", "other")
    assert gate("--update").returncode == 0
    for file in other.iterdir():
        file.write_bytes(b"")
    done = gate()
    assert done.returncode == 1
    assert "not among the artifacts" not in done.stdout
    assert "other, outcome: failed" in done.stdout


def test_a_baseline_that_cannot_be_written_is_told_before_anything_is_measured(project, gate):
    done = gate("--update", "--baseline", "nowhere/baseline.json")
    assert done.returncode == 2
    assert "no such folder" in done.stderr
    assert not (project / "runs").exists()


def test_nothing_that_ran_is_no_baseline(project, gate, fake_artifact):
    fake_artifact(project / "broken", "m", fault={"at": "run", "kind": "crash"})

    done = gate("--update", artifacts="broken")

    assert done.returncode == 3 and done.stderr.count("error: ") == 1
    assert "nothing ran to its end" in done.stderr and "m: crash" in done.stderr
    assert not (project / "baseline.json").exists()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--margin", "speed=1%"), "speed"),
        (("--margin", "latency=fast"), "latency"),
        (("--against", "nowhere"), "nowhere"),
        (("--against", "empty"), "holds none of m"),
        (("--resume", "runs/1"), "--run RUN"),
        (("--run", "runs/1"), "name no artifacts"),
        (("--accept", "it is meant"), "with --update"),
        (("--accept", " ", "--update"), "give the reason"),
        (("--drop", "m"), "with --update"),
        (("--drop", "x", "--update"), "not in the baseline (m)"),
        (("--baseline", "empty.json"), "holds no artifact"),
        (("--junit", "no/such/folder.xml"), "--junit"),
    ],
)
def test_wrong_usage_is_one_line(project, monkeypatch, capsys, arguments, what):
    (project / "baseline.json").write_text(
        '{"baseline_version": 2, "artifacts": {"m": {"outcome": "ok"}}}'
    )
    (project / "empty.json").write_text('{"baseline_version": 2, "artifacts": {}}')
    (project / "empty").mkdir()
    monkeypatch.chdir(project)
    assert main(["gate", "new", *SMALL, "--baseline", "baseline.json", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert what in error
    assert not (project / "runs").exists()


def test_help_has_an_example(run_cli, tmp_path):
    done = run_cli("gate", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "example: exportbench gate" in done.stdout
    assert "1%" in done.stdout
