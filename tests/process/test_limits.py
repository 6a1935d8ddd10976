"""Limits of time and memory, and what the controller itself takes."""

import json
import time

import psutil
import pytest
from runs import SMALL, SOON_S, alive, left_behind, records_of, results_of, wait_until

from infer.artifacts.artifact import open_artifact
from infer.outcome import Failure, Outcome
from infer.records.protocol import PROTOCOLS
from infer.worker import messages
from infer.worker.client import WorkerProcess

LIMIT = "200MiB"


@pytest.fixture(scope="module")
def limited(tmp_path_factory, fake_artifact, inputs_file, run_cli):
    """A run with limits, of artifacts that keep to them and of some that do not."""
    folder = tmp_path_factory.mktemp("limited")
    inputs_file(folder / "inputs.npz")
    settings = {
        "well": {"call_s": 0.001},
        "noisy": {"call_s": 0.001, "fault": {"at": "run", "call": 1, "kind": "garbage"}},
        "greedy": {"call_s": 0.01, "balloon_mb": 100},
        # Room for 70 calls, which preflight does not come near; a generation makes 120 and more.
        "later": {"call_s": 0.02, "balloon_mb": 2},
        "hang-load": {"fault": {"at": "load", "kind": "hang"}},
        "hang-run": {"fault": {"at": "run", "call": 1, "kind": "hang"}},
    }
    for name, options in settings.items():
        fake_artifact(folder / "artifacts", name, **options)
    done = run_cli(
        *("run", "artifacts", *SMALL, "--reference", "well", "--timeout", "8"),
        *("--memory-limit", LIMIT, "--turns", "60"),
        cwd=folder,
    )
    rows = {row["artifact"]: row for row in json.loads((folder / "out.json").read_text())["rows"]}
    return folder, done, rows


def test_limits_end_those_that_break_them(limited):
    _, done, rows = limited

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "well": Outcome.OK,
        "noisy": Outcome.OK,
        "greedy": Outcome.OUT_OF_MEMORY,
        "later": Outcome.OUT_OF_MEMORY,
        "hang-load": Outcome.HANG,
        "hang-run": Outcome.HANG,
    }


@pytest.mark.parametrize("name", ["greedy", "later"])
def test_memory_limit_is_named(limited, name):
    reason = limited[2][name]["reason"]

    assert "200 MiB" in reason and "--memory-limit" in reason


def test_memory_that_grows_in_a_generation_is_seen_there(limited):
    folder, _, rows = limited
    preflighted = [
        r["artifact"] for r in records_of(results_of(folder)) if r["kind"] == "preflight"
    ]

    assert "later" in preflighted and "'burst'" in rows["later"]["reason"]


def test_limits_leave_the_others_measured(limited):
    for name in ("well", "noisy"):
        assert (
            limited[2][name]["timings"]["batch 1"]["generations"] == PROTOCOLS["quick"].generations
        )


def test_limits_leave_no_process(limited):
    assert left_behind(limited[0]) == []


def test_worker_that_failed_is_ended_before_others_go_on(tmp_path, fake_artifact):
    artifact = fake_artifact(tmp_path, "hangs", fault={"at": "load", "kind": "hang"})
    with WorkerProcess(
        open_artifact(artifact),
        device="cpu",
        threads=1,
        scratch=tmp_path,
        log=tmp_path / "log",
        timeout_s=SOON_S,
    ) as worker:
        worker.start()
        worker.timeout_s = 0.1
        with pytest.raises(Failure):
            worker.ask(messages.Load())

        assert not alive(worker.pid)


def test_warm_up_that_does_not_end_is_not_taken_for_one_that_hangs(
    tmp_path, fake_artifact, inputs_file, run_cli
):
    inputs_file(tmp_path / "inputs.npz")
    # No two calls take as long as the two before, nor nearly so.
    fake_artifact(tmp_path, "uneven", call_s=0.02, cycle=[1, 4, 8])

    # The time limit of an answer is below that of a warm-up.
    done = run_cli("run", "uneven", *SMALL, "--budget", "1s", "--timeout", "4s", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert row["outcome"] == Outcome.OK
    assert not row["timings"]["batch 1"]["steady"]


def test_controller_hardly_works_while_it_waits(tmp_path, fake_artifact, inputs_file, start_cli):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path, "slow", call_s=600)
    options = ("--memory-limit", "2GB", "--timeout", "500")  # the limit has it look now and then
    controller = start_cli("run", "slow", *SMALL, *options, cwd=tmp_path)
    process = psutil.Process(controller.pid)
    wait_until(lambda: any(c.status() == psutil.STATUS_SLEEPING for c in process.children()))
    wait_until(lambda: (tmp_path / "runs").exists())
    time.sleep(2)  # until the worker is in its call

    before, begin = process.cpu_times(), time.monotonic()
    time.sleep(5)
    after, seconds = process.cpu_times(), time.monotonic() - begin

    used = after.user + after.system - before.user - before.system
    assert used / seconds < 0.02
