"""Workers that are stopped while others take their turns."""

import os
import signal
import threading
from functools import partial

import psutil
import pytest
from process_states import SOON_S, stopped, wait_until

from infer.measure.generation import Generation
from infer.measure.warm_up import warmed_up
from infer.outcome import Failure, Outcome
from infer.records.protocol import Protocol
from infer.worker import messages
from infer.workload import Workload

pytest_plugins = ("worker_fixtures",)


def test_stopped_worker_rests_until_it_is_to_go(worker):
    with worker() as process:
        process.start()
        for _ in range(2):
            process.stop()
            wait_until(lambda: stopped(process.pid))
            waiting = threading.Thread(target=process.ask, args=[messages.Load()])
            waiting.start()
            waiting.join(0.3)
            assert waiting.is_alive()
            process.resume()
            waiting.join(SOON_S)
            assert not waiting.is_alive()


def test_stopped_worker_is_gone_after_its_context(worker):
    with worker() as process:
        process.start()
        process.stop()
        wait_until(lambda: stopped(process.pid))

    assert not psutil.pid_exists(process.pid)


def test_stopped_worker_that_is_killed_has_crashed(worker):
    with worker() as process:
        process.start()
        process.stop()
        os.kill(process.pid, signal.SIGKILL)
        process.resume()
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())

    assert caught.value.outcome == Outcome.CRASH
    assert "SIGKILL" in caught.value.reason


def only_runs(pid, others):
    return not stopped(pid) and all(map(stopped, others))


def test_workers_of_a_generation_run_one_at_a_time(worker, tmp_path, inputs_file):
    (tmp_path / "scratch").mkdir()  # a worker may read it
    inputs = inputs_file(tmp_path / "scratch" / "inputs.npz")
    protocol = Protocol("test", bursts=2, burst_s=0.01, warm_up_limit_s=1)
    workloads = {"one": (Workload(1),), "two": (Workload(1), Workload(4)), "three": (Workload(1),)}
    pids, taken = {}, []

    with Generation(0, protocol, seed=0) as generation:
        for label, listed in workloads.items():
            process = generation.enter(worker(name=label))
            pids[label] = process.pid
            process.start()
            process.ask(messages.Load())
            process.ask(messages.Inputs(path=str(inputs)))
            call_s = {
                w: warmed_up(process, w.call, protocol.warm_up_limit_s)["call_s"] for w in listed
            }
            process.stop()
            generation.add(label, process, call_s)
            wait_until(lambda: all(map(stopped, pids.values())))
        for turn in generation.turns():
            assert turn.is_last == (turn.number == 1)
            with turn.running() as process:
                assert process.pid == pids[turn.label]
                others = [pid for pid in pids.values() if pid != process.pid]
                wait_until(partial(only_runs, process.pid, others))
                process.ask(messages.Burst(batch=turn.workload.batch, calls=turn.calls, first=0))
            wait_until(lambda: all(map(stopped, pids.values())))
            taken.append((turn.label, turn.workload, turn.number))

    assert set(taken) == {
        (label, workload, number)
        for label, listed in workloads.items()
        for workload in listed
        for number in range(2)
    }
    assert len(taken) == 8
    assert not any(map(psutil.pid_exists, pids.values()))
