"""A double of the driver, runtimes that answer, and the command line in a folder of artifacts."""

from types import SimpleNamespace

import pytest
from nvml_double import Nvml

from infer.cli import main
from infer.measure import devices
from infer.system import card_sample, nvml_library


@pytest.fixture
def driver(monkeypatch):
    """Puts a double in the place of the driver's library."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(*cards, **options):
        double = Nvml(*cards, **options)
        monkeypatch.setattr(nvml_library, "pynvml", double)
        return double

    return put


@pytest.fixture
def runtimes(monkeypatch):
    """Has runtimes answer whether they can use a card; gives who was asked."""

    def put(**problems):
        asked = []

        def ask(use, card):
            asked.append((use.runtime, card))
            return problems.get(use.runtime)

        monkeypatch.setattr(devices, "_cuda_problem", ask)
        return asked

    return put


@pytest.fixture
def command(tmp_path, monkeypatch, capsys, fake_artifact, inputs_file):
    """Runs the command line in this process, in a folder with two artifacts and inputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(card_sample, "LEAST_ENERGY_S", 0.0)
    for name in ("a", "b"):
        fake_artifact(tmp_path, name, call_s=0.002, gpu_bytes=3)
    inputs_file(tmp_path / "inputs.npz")

    def call(*arguments):
        try:
            status = main.main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        printed = capsys.readouterr()
        return SimpleNamespace(status=status, out=printed.out, err=printed.err)

    return call
