"""examples/gate, by the commands of its README."""

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
from commands import typed_in
from conftest import ROOT

from infer.exit_status import NOT_SURE

EXAMPLE = ROOT / "examples" / "gate"
# In the test for a few seconds, not minutes.
SHORT = "--burst 0.02s --turns 2 --json gate.json --budget"


@pytest.fixture
def shell(tmp_path):
    """Runs a command in a copy of the example, with this Python and this exportbench."""
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("exported", "artifacts"))
    run = typed_in(folder, tmp_path / "bin")
    run.folder = folder
    return run


def test_the_page_leads_to_a_gate_that_passes_and_then_fails(shell):
    pytest.importorskip("onnx", reason="the example is an ONNX file")
    pytest.importorskip("onnxruntime", reason="the example is an ONNX file")
    page = (EXAMPLE / "README.md").read_text().partition("## Run it")[2]
    commands = [line.strip() for line in re.findall(r"^ {4}\S.*$", page, re.MULTILINE)]
    assert [command.partition(" ")[0] for command in commands] == [
        *("python", "sh"),
        *("cp", "python", "sh"),
        "sh",
    ]

    def verdicts() -> dict[str, str]:
        result = json.loads((shell.folder / "gate.json").read_text())
        return {check["name"]: check["verdict"] for check in result["checks"]}

    expected = [0, 0, 0, 0, 1, 0]
    for number, (command, status) in enumerate(zip(commands, expected, strict=True)):
        gate = command.startswith("sh gate.sh")
        budget = "15s" if "--against" in command else "1s"
        done = shell(f"{command} {SHORT} {budget}" if gate else command)
        # On a busy machine the budget may be too short for a verdict on time: then it is not sure.
        allowed = {status, NOT_SURE} if "--against" in command and not status else {status}
        assert done.returncode in allowed, (command, done.stdout, done.stderr)
        if number == 1:
            assert verdicts() == {
                "outcome": "passed",
                "parity": "passed",
                "accuracy": "passed",
                "latency, batch 256": "not judged",
                "latency, batch 1": "not judged",
                "memory": "passed",
                "size": "passed",
            }
            assert "cannot judge time" in done.stdout
        if number == 4:
            failed = {name for name, verdict in verdicts().items() if verdict == "failed"}
            assert failed >= {"parity", "accuracy", "size"}
            assert verdicts()["latency, batch 256"] in ("failed", "not sure")
    # What was accepted is the baseline now.
    assert shell(f"sh gate.sh {SHORT} 1s").returncode == 0


def test_the_workflow_calls_what_is_there():
    text = (EXAMPLE / ".github" / "workflows" / "gate.yml").read_text()
    for name in ("make_model.py", "gate.sh", "requirements.txt"):
        assert name in text
        assert (EXAMPLE / name).is_file()
    arguments = re.search(r"sh gate\.sh (.*?) \|\|", text)[1].split()
    from infer.arguments.run_options import parse_gate_config

    config = parse_gate_config(["m", "--baseline", "b", *arguments])
    assert config.against == (Path("former"),)
    assert arguments[arguments.index("--junit") + 1] == "gate.xml"


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4])
def test_the_workflow_ends_as_the_gate_does_and_only_warns_where_it_is_not_sure(tmp_path, status):
    text = (EXAMPLE / ".github" / "workflows" / "gate.yml").read_text()
    step = re.search(r"- name: gate\n +run: \|\n((?: {10}.*\n|\n)+)", text)[1]
    report = "echo the report > gate.md;" if status != 2 else ""
    (tmp_path / "gate.sh").write_text(f"{report} echo $@ > arguments; exit {status}\n")
    summary = tmp_path / "summary.md"
    done = subprocess.run(
        ["bash", "-e", "-c", textwrap.dedent(step)],  # as GitHub runs it
        cwd=tmp_path,
        env=os.environ | {"GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == (0 if status == 4 else status), done.stderr
    assert ("::warning::" in done.stdout) == (status == 4)
    assert "--against former" in (tmp_path / "arguments").read_text()
    if report:
        assert summary.read_text() == "the report\n"
