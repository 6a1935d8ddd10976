"""True labels and secrets reach no process that opens an artifact, whatever the command."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from infer.cli.main import main
from infer.inputs.loading import open_inputs
from infer.worker import messages
from infer.worker.client import WorkerProcess

LABELS = np.arange(10) % 3
SHORT = ("--device", "cpu", "--threads", "1")
RUN = (*SHORT, "--turns", "1", "--burst", "0.01s")


@pytest.fixture
def project(tmp_path, monkeypatch, fake_artifact, inputs_file):
    """Two artifacts and inputs with labels in the working directory."""
    monkeypatch.chdir(tmp_path)
    with np.load(inputs_file(tmp_path / "inputs.npz")) as arrays:
        further = {"labels.boxes": np.zeros((10, 1, 4), np.float32)}
        np.savez(tmp_path / "inputs.npz", **arrays, **further)
    for name in ("a", "b"):
        fake_artifact(tmp_path, name)
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """The names of the arrays that each worker was given, and what its command named."""
    given = []
    ask = WorkerProcess.ask

    def recorded(self, request):
        if isinstance(request, messages.Inputs):
            given.append((set(open_inputs(Path(request.path))), self._command))
        return ask(self, request)

    monkeypatch.setattr(WorkerProcess, "ask", recorded)
    return given


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "a", "b", "--inputs", "inputs.npz", *RUN, "--out", "runs"),
        ("gate", "a", "--inputs", "inputs.npz", "--baseline", "b.json", "--update", *SHORT),
        ("bisect", "a", "b", "--inputs", "inputs.npz", *SHORT),
        ("overhead", "a", "--inputs", "inputs.npz", "--rounds", "1", *SHORT),
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_worker_is_given_the_labels(project, asked, arguments):
    main([*arguments])

    assert asked
    for names, command in asked:
        assert names == {"image"}
        readable = {path for option, path in itertools.pairwise(command) if option == "--read"}
        assert str(project / "inputs.npz") not in readable
        assert str(project) not in readable
        assert command[command.index("--withhold") + 1] == str(project / "inputs.npz")


def test_a_run_leaves_no_copy_and_is_as_accurate_as_before(project, asked):
    main(["run", "a", "--inputs", "inputs.npz", *RUN, "--out", "runs", "--json", "out.json"])

    (run,) = (project / "runs").iterdir()
    assert not list(run.glob(".inputs*"))
    (row,) = json.loads((project / "out.json").read_text())["rows"]
    assert row["outcome"] == "ok"
    assert "accuracy" in json.dumps(row)


def test_made_up_inputs_are_read_by_the_worker_that_they_are_drawn_for_and_by_others(project):
    main(["run", "a", "b", "--random", "0", *RUN, "--out", "runs", "--json", "out.json"])

    rows = json.loads((project / "out.json").read_text())["rows"]
    assert [row["outcome"] for row in rows] == ["ok", "ok"], rows
