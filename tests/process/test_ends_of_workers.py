"""How workers end: by themselves, killed, without memory, or hanging."""

import os
import signal
import threading
import time

import psutil
import pytest
from process_states import FOREVER_S, SOON_S, alive, wait_until

from infer.outcome import Failure, Outcome
from infer.worker import messages

pytest_plugins = ("worker_fixtures",)


def test_worker_answers_and_is_gone_after_its_context(worker):
    with worker() as process:
        started = process.start()
        loaded = process.ask(messages.Load())
        assert alive(process.pid)

    assert started["spawn_to_ready_s"] >= started["seconds"] > 0
    assert started["variables"]["CUDA_VISIBLE_DEVICES"] == "-1"
    assert loaded["signature"]["inputs"][0]["name"] == "image"
    assert not psutil.pid_exists(process.pid)


def test_worker_is_ended_when_its_context_fails(worker):
    with pytest.raises(ZeroDivisionError), worker() as process:
        raise ZeroDivisionError

    assert not psutil.pid_exists(process.pid)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGKILL, "killed by SIGKILL; Linux does that when memory runs out"),
        (signal.SIGTERM, "killed by SIGTERM"),
        (signal.SIGRTMIN + 1, "killed by "),  # it has no name of its own
    ],
)
def test_worker_that_is_killed_while_it_works_has_crashed(worker, tmp_path, number, message):
    with worker(load_s=FOREVER_S) as process:
        process.start()
        killer = threading.Timer(0.3, os.kill, [process.pid, number])
        killer.start()
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())
        killer.join()

    assert caught.value.outcome == Outcome.CRASH
    assert message in caught.value.reason
    assert "'load'" in caught.value.reason
    assert str(tmp_path / "worker.log") in caught.value.reason


@pytest.mark.parametrize(
    ("kind", "says", "outcome"),
    [
        ("error", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED", Outcome.OUT_OF_MEMORY),
        ("abort", "terminate called after throwing 'std::bad_alloc'", Outcome.OUT_OF_MEMORY),
        ("abort", "Check failed: status == ok", Outcome.CRASH),
    ],
)
@pytest.mark.parametrize("at", ["load", "run"])
def test_want_of_memory_is_no_crash_wherever_it_shows(
    worker, tmp_path, inputs_file, at, kind, says, outcome
):
    (tmp_path / "scratch").mkdir()  # a worker may read it
    inputs = inputs_file(tmp_path / "scratch" / "inputs.npz")
    with worker(fault={"at": at, "kind": kind, "says": says}) as process:
        process.start()
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())
            process.ask(messages.Inputs(path=str(inputs)))
            process.ask(messages.FirstCall(batch=1))

    assert caught.value.outcome == outcome
    assert (says in caught.value.reason) is (outcome == Outcome.OUT_OF_MEMORY)


def test_worker_that_is_killed_between_commands_has_crashed(worker):
    with worker() as process:
        process.start()
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not alive(process.pid))
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())

    assert caught.value.outcome == Outcome.CRASH
    assert "SIGKILL" in caught.value.reason


def test_worker_that_is_stopped_hangs_and_is_ended(worker):
    with worker(timeout_s=0.5) as process:
        os.kill(process.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(Failure) as caught:
            process.start()
        waited = time.monotonic() - begin

    assert caught.value.outcome == Outcome.HANG
    assert "no answer to 'start' within 0.5 s (see --timeout)" in caught.value.reason
    assert 0.5 <= waited < SOON_S
    assert not psutil.pid_exists(process.pid)
