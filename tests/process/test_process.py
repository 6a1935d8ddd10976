"""Processes: how they end, what they can see, and that none stays behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from runs import printed

from infer.artifacts.artifact import open_artifact
from infer.measure.generation import Generation
from infer.measure.warm_up import warmed_up
from infer.outcome import Failure, Outcome
from infer.records.protocol import Protocol
from infer.worker import checks, messages
from infer.worker.client import WorkerProcess
from infer.workload import Workload

FOREVER_S = 600
# How long anything may take that should happen at once, on a busy machine.
SOON_S = 20


def wait_until(condition, seconds=SOON_S):
    """Wait for a condition to be true; return what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not so within {seconds} s: {condition.__name__}")


def alive(pid) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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


def test_worker_answers_and_is_gone_after_its_context(worker):
    with worker() as process:
        started = process.start()
        loaded = process.ask(messages.Load())
        assert alive(process.pid)

    assert started["spawn_to_ready_s"] >= started["seconds"] > 0
    assert started["variables"]["CUDA_VISIBLE_DEVICES"] == "-1"
    assert loaded["signature"]["inputs"][0]["name"] == "image"
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


def stopped(pid) -> bool:
    """Whether a process is stopped; one that is gone is not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


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


def test_worker_is_ended_when_its_context_fails(worker):
    with pytest.raises(ZeroDivisionError), worker() as process:
        raise ZeroDivisionError

    assert not psutil.pid_exists(process.pid)


def sleeping_child(controller):
    """The controller's worker once it sleeps in its artifact: it no longer computes."""
    for child in map(psutil.Process, workers(controller)):
        try:
            before = child.cpu_times()
            time.sleep(0.4)
            if child.status() == psutil.STATUS_SLEEPING and child.cpu_times() == before:
                return child.pid
        except psutil.NoSuchProcess:
            continue
    return None


def test_worker_does_not_outlive_a_killed_controller(
    tmp_path, fake_artifact, inputs_file, start_cli
):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path, "slow", load_s=FOREVER_S)
    controller = start_cli(
        *("run", "slow", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        cwd=tmp_path,
    )
    pid = wait_until(lambda: sleeping_child(controller))

    controller.kill()
    controller.wait()

    wait_until(lambda: not alive(pid))


def workers(controller):
    """The controller's workers; it has other processes, too."""
    result = []
    for child in psutil.Process(controller.pid).children():
        try:
            if any(part.endswith("bootstrap.py") for part in child.cmdline()):
                result.append(child.pid)
        except psutil.NoSuchProcess:
            continue
    return result


def two_in_turns(folder, fake_artifact, inputs_file, start_cli):
    """A controller whose two workers take turns."""
    inputs_file(folder / "inputs.npz")
    for name in ("one", "two"):
        fake_artifact(folder / "artifacts", name, call_s=0.01)
    controller = start_cli(
        *("run", "artifacts", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        *("--out", "runs", "--json", "out.json"),
        cwd=folder,
    )
    wait_until(lambda: any('"kind": "burst"' in file.read_text() for file in results(folder)))
    return controller


def test_workers_that_wait_for_their_turn_do_not_outlive_a_killed_controller(
    tmp_path, fake_artifact, inputs_file, start_cli
):
    controller = two_in_turns(tmp_path, fake_artifact, inputs_file, start_cli)

    def one_waits():
        running = workers(controller)
        return running if len(running) == 2 and any(map(stopped, running)) else None

    pids = wait_until(one_waits)

    controller.kill()
    controller.wait()

    wait_until(lambda: not any(map(alive, pids)))


def test_ctrl_c_keeps_what_was_measured(tmp_path, fake_artifact, inputs_file, start_cli):
    controller = two_in_turns(tmp_path, fake_artifact, inputs_file, start_cli)
    children = workers(controller)

    controller.send_signal(signal.SIGINT)
    _, errors = controller.communicate(timeout=SOON_S)

    assert controller.returncode == 130
    assert "Traceback" not in errors
    assert children and not any(map(alive, children))
    summary = json.loads((tmp_path / "out.json").read_text())
    assert summary["interrupted"]
    assert any(row["timings"] for row in summary["rows"])
    # Both had passed preflight before they took turns.
    assert all(row["outcome"] == "ok" and row["metrics"] for row in summary["rows"])
    (file,) = results(tmp_path)
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["kind"], last["interrupted"], last["reason"]) == ("end", True, "interrupted")
    assert "INTERRUPTED" in file.with_name("report.md").read_text()


def results(folder):
    return list(folder.glob("runs/*/results.jsonl"))


@pytest.fixture(scope="module")
def probe(tmp_path_factory, root, run_cli, fake_artifact, inputs_file):
    """What a worker saw, of a project that has the packages `train` and `export`.

    The project is a copy of the runner, whose fake runtime is replaced by one that looks around
    and then says that it cannot take the artifact.
    """
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(root / "infer", project / "infer")
    for name in ("train", "export"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("")
    (project / "infer" / "runtimes" / "fake.py").write_text(
        textwrap.dedent(
            """
            import importlib.util, json, os, subprocess, sys

            def devices():
                return ["cpu"]

            def has_cuda():
                return None

            def load(path, options):
                child = subprocess.Popen(["sleep", "600"])
                found = {name: importlib.util.find_spec(name) is not None
                         for name in ("train", "export", "infer", "worker", "numpy",
                                      "exportbench.worker.server")}
                seen = {"found": found, "child": child.pid, "environment": dict(os.environ),
                        "imported": sorted(sys.modules), "cores": len(os.sched_getaffinity(0))}
                print("seen", json.dumps(seen), flush=True)  # to the log
                raise NotImplementedError("looked around")
            """
        )
    )
    inputs_file(project / "inputs.npz")
    fake_artifact(project, "artifact")
    done = run_cli(
        *("run", "artifact", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        *("--out", "runs", "--json", "out.json"),
        cwd=project,
        root=project,
    )
    assert "looked around" in done.stdout, done.stderr
    (log,) = project.glob("runs/*/logs/artifact-preflight.log")
    return printed(log, "seen") | {
        "row": json.loads((project / "out.json").read_text())["rows"][0],
        "project": project,
    }


def test_worker_sees_the_runner_and_not_the_code_that_trained_or_exported(probe):
    assert probe["found"] == {
        "train": False,
        "export": False,
        "infer": False,  # by its folder's name
        "worker": False,  # the runner's modules are in its package only
        "numpy": True,
        "exportbench.worker.server": True,
    }


def test_controller_of_that_project_does_see_it(probe):
    code = "import train, export; print(train.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=probe["project"],
        env=os.environ | {"PYTHONPATH": str(probe["project"])},
        capture_output=True,
        text=True,
    )

    assert Path(done.stdout.strip()).is_relative_to(probe["project"])


def test_runtime_that_cannot_take_an_artifact(probe):
    assert probe["row"]["outcome"] == Outcome.UNSUPPORTED
    assert probe["row"]["reason"] == "looked around"


def test_processes_that_a_runtime_starts_are_ended(probe):
    assert not alive(probe["child"])


def test_worker_has_the_threads_it_was_given_and_no_gpu(probe):
    assert probe["cores"] == 1
    environment = probe["environment"]
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["CUDA_VISIBLE_DEVICES"] == "-1"
    assert not any(name.startswith("PYTHON") for name in environment)


@pytest.mark.parametrize(
    ("device", "card", "seen"),
    [
        ("cpu", None, "-1"),
        ("cpu", "GPU-1", "-1"),
        ("cuda", "GPU-1", "GPU-1"),
        ("cuda", None, "3,4"),
    ],
)
def test_worker_sees_one_card_or_none(monkeypatch, tmp_path, fake_artifact, device, card, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    artifact = open_artifact(fake_artifact(tmp_path, "artifact"))
    with WorkerProcess(
        artifact,
        device=device,
        card=card,
        threads=1,
        scratch=tmp_path / "scratch",
        log=tmp_path / "log",
        timeout_s=60,
    ) as worker:
        worker.start()  # before, the process may not be the worker yet
        environment = psutil.Process(worker.pid).environ()

    assert environment["CUDA_VISIBLE_DEVICES"] == seen


HEAVY = {"tensorflow", "torch", "jax", "jaxlib", "keras", "flax", "onnxruntime", "onnx"}


def test_worker_imports_nothing_that_its_runtime_does_not_need(probe):
    imported = {name.partition(".")[0] for name in probe["imported"]}

    assert not imported & (HEAVY | {"scipy", "sklearn", "rich", "pandas"})


def test_controller_imports_no_framework(root):
    code = "import sys, infer.cli.main; print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}

    assert "infer" in imported
    assert not imported & (HEAVY | {"train", "export"})
    # What takes a second to import is imported where it is used: help and errors come at once.
    assert not {"scipy.stats", "scipy.special", "sklearn", "pandas"} & set(done.stdout.split())


def test_time_grows_with_the_batch_though_single_calls_are_disturbed(monkeypatch):
    # Before anything is timed, then single and full in turn.
    taken = iter([0.5, 0.5, 0.02, 0.001, 0.5, 0.5, 0.02])
    batches = type("Batches", (list,), {"full": lambda self, index: {}})([{}])
    prepared = SimpleNamespace(
        model=None, batches=lambda batch: batches, timed=lambda inputs: (next(taken), {})
    )
    monkeypatch.setattr(checks, "unfinished", lambda model, inputs, call_s: None)

    answer = checks.check(prepared, messages.Check(batch=32))
    assert answer["seconds"] == {"1": 0.001, "32": 0.02}
