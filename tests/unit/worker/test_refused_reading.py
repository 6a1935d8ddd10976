"""An error that the limits of reading cause says what to do."""

import pytest

from infer.outcome import Outcome
from infer.worker.error_outcome import failure_of
from infer.worker.process_failures import crash

REFUSALS = [
    PermissionError(13, "Permission denied", "/opt/vendor/table.bin"),
    ImportError("libvendor.so: cannot open shared object file: Permission denied"),
    RuntimeError("open file failed: EACCES"),
]


@pytest.mark.parametrize("error", REFUSALS)
def test_what_is_refused_is_told_with_what_to_do(tmp_path, error):
    log = tmp_path / "log"
    log.write_text(f"...\n{type(error).__name__}: {error}\n")

    for reason in (failure_of(error, Outcome.LOAD_ERROR).reason, crash(1, "start", log).reason):
        assert reason.endswith("name the folders in EXPORTBENCH_ALLOW_READ")
    assert str(error) in failure_of(error, Outcome.LOAD_ERROR).reason


def test_other_errors_have_no_such_advice(tmp_path):
    log = tmp_path / "log"
    log.write_text("ValueError: wrong shape\n")

    assert "ALLOW_READ" not in failure_of(ValueError("wrong shape"), Outcome.CRASH).reason
    assert "ALLOW_READ" not in crash(1, "call", log).reason
    assert "ALLOW_READ" not in crash(-9, "call", tmp_path / "none").reason
