"""Runs through the real command line, and wrong ones in this process."""

from types import SimpleNamespace

import pytest
from measured_runs import BURSTS, finished

from infer.cli import main


@pytest.fixture(scope="module")
def measure(tmp_path_factory, run_cli, inputs_file):
    """Measures the artifacts below a folder with the quick protocol."""

    def run(artifacts, *options, **how):
        folder = tmp_path_factory.mktemp("measured")
        json_file = folder / "out.json"
        how.setdefault("inputs", inputs_file(folder / "inputs.npz"))
        inputs = how.pop("inputs")
        done = run_cli(
            *("run", artifacts, f"--inputs={inputs}", "--device", "cpu", "--threads", 1),
            *("--out", folder / "runs", "--json", json_file, *BURSTS, *options),
            cwd=folder,
            **how,
        )
        assert json_file.is_file(), done.stderr
        return SimpleNamespace(**vars(finished(done, folder, json_file)), inputs=inputs)

    return run


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a wrong command in this process; gives the one line that it gets."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        try:
            status = main.main([str(argument) for argument in arguments])
        except SystemExit as error:  # how argparse ends
            status = error.code
        lines = capsys.readouterr().err.strip().splitlines()
        assert status == 2
        assert "error: " in lines[-1]
        return lines[-1]

    return run
