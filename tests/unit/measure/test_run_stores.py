"""The stores of a run, in its folder."""

import numpy as np

from infer.measure.run_stores import RunStores


def test_a_run_that_goes_on_removes_the_stores_that_a_killed_one_has_left(tmp_path):
    file, run = tmp_path / "x.npz", tmp_path / "run"
    run.mkdir()
    np.savez_compressed(file, x=np.ones((4, 2), np.float32))
    killed = RunStores(run).of(file).path()
    (run / ".inputs-link").symlink_to(tmp_path)

    stores = RunStores(run)
    goes_on = stores.of(file).path()

    assert goes_on.is_dir() and not killed.exists()
    assert file.is_file()
    stores.remove()
    assert not list(run.iterdir())
