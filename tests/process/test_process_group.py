"""All that a worker has started is stopped, continued and ended with it."""

import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from runs import SOON_S, left_behind, wait_until

from infer.artifacts.artifact import open_artifact
from infer.outcome import Failure, Outcome
from infer.worker import messages
from infer.worker.client import WorkerProcess

LINUX_ONLY = pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux has this sandbox",
)

# Forks twice, tries to leave, and then writes to a file for as long as it lives.
DAEMON = """
import signal
def daemon():
    if os.fork():
        return
    try:
        os.setsid()
    except OSError:
        pass
    if os.fork():
        os._exit(0)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGTTIN):
        signal.signal(number, signal.SIG_IGN)
    while True:
        with open("beats", "a") as file:
            file.write("x")
        time.sleep(0.005)
daemon()
"""
# Processes that start the next one and end, so that none is there for long.
ROLLING = """
def roll():
    if os.fork():
        return
    while True:
        open("beats", "a").write("x")
        if os.fork():
            os._exit(0)
for _ in range(3):
    roll()
"""
BUSY = """
def busy():
    while True:
        pass
threading.Thread(target=busy, daemon=True).start()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The program with a fake runtime that runs the code of its artifact when it loads."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "infer", folder / "infer")
    file = folder / "infer" / "runtimes" / "fake.py"
    text = file.read_text()
    line = '        time.sleep(self._settings.get("load_s", 0))\n'
    assert line in text
    file.write_text(text.replace(line, line + '        exec(self._settings["code"], globals())\n'))
    return folder


@pytest.fixture
def worker(project, tmp_path, fake_artifact, monkeypatch):
    """Makes a worker that runs code when it loads."""
    monkeypatch.setattr(
        "infer.sandbox.launcher._BOOTSTRAP", project / "infer" / "sandbox" / "bootstrap.py"
    )

    def make(code, timeout_s=SOON_S):
        return WorkerProcess(
            open_artifact(fake_artifact(tmp_path, "artifact", code=code)),
            device="cpu",
            threads=1,
            scratch=tmp_path / "scratch",
            log=tmp_path / "log",
            timeout_s=timeout_s,
        )

    return make


def loaded(process):
    """Start a worker and load its artifact."""
    process.start()
    process.ask(messages.Load())
    return process


def beats(tmp_path) -> int:
    """How often what the worker has started has written."""
    return sum(file.stat().st_size for file in tmp_path.glob("scratch/*/beats"))


@pytest.mark.parametrize("code", [DAEMON, ROLLING], ids=["daemon", "rolling"])
def test_what_a_worker_started_rests_and_ends_with_it(worker, tmp_path, code):
    with worker(code) as process:
        loaded(process)
        for _ in range(3):
            count = beats(tmp_path)
            wait_until(lambda: beats(tmp_path) > count)  # noqa: B023
            process.stop()
            count = beats(tmp_path)
            time.sleep(0.2)
            assert beats(tmp_path) == count
            process.resume()
    assert left_behind(tmp_path) == []


def test_a_worker_that_runs_in_the_turns_of_others_is_ended(worker, tmp_path):
    with worker(BUSY) as process:
        loaded(process)
        process.stop()
        process.resume()
        process.stop()
        os.kill(process.pid, signal.SIGCONT)  # as something in it might bring about
        before = psutil.Process(process.pid).cpu_times().user
        wait_until(lambda: psutil.Process(process.pid).cpu_times().user > before + 0.1)
        with pytest.raises(Failure, match="while it was stopped") as caught:
            process.resume()
        assert caught.value.outcome == Outcome.CRASH
        assert left_behind(tmp_path) == []


def test_what_a_worker_started_ends_with_a_killed_controller(project, tmp_path, fake_artifact):
    code = f"""
import time
from pathlib import Path
from infer.artifacts.artifact import open_artifact
from infer.worker import messages
from infer.worker.client import WorkerProcess
worker = WorkerProcess(open_artifact(Path({str(fake_artifact(tmp_path, "a", code=DAEMON))!r})),
    device="cpu", threads=1, scratch=Path("scratch"), log=Path("log"), timeout_s=60)
worker.start()
worker.ask(messages.Load())
time.sleep(600)
"""
    environment = os.environ | {"PYTHONPATH": str(project)}
    controller = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    try:
        wait_until(lambda: beats(tmp_path))
    finally:
        controller.kill()
        controller.wait()

    wait_until(lambda: not left_behind(tmp_path))


def test_the_watchdog_is_started_once_and_ends_with_its_controller(tmp_path):
    """Also where another process holds the pipe to it."""
    code = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from infer.sandbox import watchdog
watchdog.watch(10**8)
first = watchdog._watchdog._process.pid
watchdog.watch(10**8 + 1)
watchdog.forget(10**8)
assert watchdog._watchdog._process.pid == first
print(first, flush=True)
if not os.fork():
    time.sleep(600)
print(os.getpid(), flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as controller:
        pid = int(controller.stdout.readline())
        controller.stdout.readline()
        controller.kill()
        wait_until(lambda: not Path(f"/proc/{pid}").exists())
        os.killpg(controller.pid, signal.SIGKILL)
