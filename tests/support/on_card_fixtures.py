"""A worker whose artifact is on a made-up card."""

import pytest

from infer.artifacts.artifact import open_artifact
from infer.worker import messages
from infer.worker.client import WorkerProcess


@pytest.fixture
def on_card(tmp_path, fake_artifact, inputs_file):
    """Starts a worker for the fake runtime in the place of a card's, with its inputs."""

    def start(device="cuda", **settings):
        process = WorkerProcess(
            open_artifact(fake_artifact(tmp_path, "artifact", **settings)),
            device=device,
            threads=1,
            scratch=tmp_path / "scratch",
            log=tmp_path / "worker.log",
            timeout_s=60,
        )
        process.start()
        process.ask(messages.Load())
        process.ask(messages.Inputs(path=str(inputs_file(tmp_path / "scratch" / "inputs.npz"))))
        return process

    return start
