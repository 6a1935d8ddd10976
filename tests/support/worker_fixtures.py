"""Workers of the fake runtime."""

import pytest
from process_states import SOON_S

from infer.artifacts.artifact import open_artifact
from infer.worker.client import WorkerProcess


@pytest.fixture
def worker(tmp_path, fake_artifact):
    """Makes a worker for an artifact of the fake runtime."""

    def make(timeout_s=SOON_S, name="artifact", **settings):
        return WorkerProcess(
            open_artifact(fake_artifact(tmp_path, name, **settings)),
            device="cpu",
            threads=1,
            scratch=tmp_path / "scratch",
            log=tmp_path / "worker.log",
            timeout_s=timeout_s,
        )

    return make
