"""What a worker can do to other processes: nothing; and to its own: what runtimes need."""

import os
import platform
import resource
import shutil
import subprocess
import sys

import psutil
import pytest
from conftest import ROOT
from runs import printed, wait_until

from infer.artifacts.artifact import open_artifact
from infer.outcome import Failure
from infer.worker import messages
from infer.worker.client import WorkerProcess

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux has this sandbox",
)

RUNTIME = """
import json, threading

def devices():
    return ["cpu"]

def has_cuda():
    return None

def load(path, options):
    job = json.loads(path.read_text())
    probes = {"__name__": "probes"}
    exec(job["probes"], probes)
    found = {"worker": probes["everything"](job["victim"])}
    tries = probes["others"](job["victim"])
    def look():
        found["thread"] = {"others": probes["results"](tries)}
    probes["joined"](threading.Thread(target=look))
    print("found", json.dumps(found), flush=True)  # to the log
    raise NotImplementedError("looked around")
"""


@pytest.fixture(scope="module")
def probed(tmp_path_factory, fake_artifact):
    """What came of each try in a worker and in a thread of it, and what the victim became."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "infer", project / "infer")
    (project / "infer" / "runtimes" / "fake.py").write_text(RUNTIME)
    probes = (ROOT / "tests" / "support" / "process_probes.py").read_text()
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(["sleep", "600"], start_new_session=True) as victim,
    ):
        patch.setattr(
            "infer.sandbox.launcher._BOOTSTRAP", project / "infer" / "sandbox" / "bootstrap.py"
        )
        try:
            wait_until(lambda: _state(victim.pid)["runs"])
            before = _state(victim.pid)
            with WorkerProcess(
                open_artifact(fake_artifact(project, "artifact", probes=probes, victim=victim.pid)),
                device="cpu",
                threads=1,
                scratch=project / "scratch",
                log=project / "log",
                timeout_s=60,
            ) as process:
                process.start()
                with pytest.raises(Failure, match="looked around"):
                    process.ask(messages.Load())
            probed = printed(project / "log", "found")
            return probed | {"before": before, "after": _state(victim.pid)}
        finally:
            victim.kill()


def _state(pid):
    process = psutil.Process(pid)
    return {
        "runs": process.status() == psutil.STATUS_SLEEPING,
        "priority": process.nice(),
        "affinity": process.cpu_affinity(),
        "input and output": process.ionice(),
        "limits": resource.prlimit(pid, resource.RLIMIT_CPU),
        "scheduler": os.sched_getscheduler(pid),
    }


@pytest.mark.parametrize("place", ["worker", "thread"])
def test_no_other_process_is_touched(probed, place):
    assert {name for name, result in probed[place]["others"].items() if result == "done"} == set()
    assert probed["after"] == probed["before"]


def test_nothing_leaves_the_group_or_wakes_it(probed):
    assert {n for n, result in probed["worker"]["leaving"].items() if result == "done"} == set()


def test_its_own_process_is_its_own(probed):
    assert {n: result for n, result in probed["worker"]["needed"].items() if result != "done"} == {}
