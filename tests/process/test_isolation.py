"""What a worker can no longer do: reach the network, write elsewhere, touch other processes."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from runs import printed

from infer.artifacts.artifact import open_artifact
from infer.sandbox import isolation
from infer.sandbox.reader_limits import run_limited
from infer.worker import messages
from infer.worker.client import WorkerProcess

LINUX = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")

# A runtime that tries what an artifact should not be able to do, and says what came of it.
TRIES = """
import json, os, signal, socket, subprocess, sys
from pathlib import Path

def devices():
    return ["cpu"]

def has_cuda():
    return None

def load(path, options):
    job = json.loads(path.read_text())
    tries = {
        "own folder": lambda: Path("file").write_text("x"),
        "below it": lambda: (Path("a/b").mkdir(parents=True), Path("a/b/c").write_text("x")),
        "temporary": lambda: __import__("tempfile").mkdtemp(),
        "home": lambda: (Path.home() / "cache").write_text("x"),
        "null": lambda: Path("/dev/null").write_text("x"),
        "reads the user's": lambda: Path(job["victim"]).read_text(),
        "reads the labels": lambda: Path(job["inputs"]).read_bytes(),
        "reads the results": lambda: Path("../../results.jsonl").read_text(),
        "lists the run": lambda: os.listdir("../.."),
        "reads others' outputs": lambda: os.listdir("../other"),
        "reads another artifact": lambda: Path(job["other"]).read_text(),
        "reads through itself": lambda: Path(f"/proc/self/root{job['victim']}").read_text(),
        "a child reads": lambda: subprocess.run(
            ["cat", job["victim"]], check=True, capture_output=True),
        "reads command lines": lambda: Path(f"/proc/{os.getppid()}/cmdline").read_bytes(),
        "reads environments": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "reads all environments": lambda: Path("/proc/1/environ").read_bytes(),
        "lists processes": lambda: os.listdir("/proc"),
        "lists shared memory": lambda: os.listdir("/dev/shm"),
        "reads accounts": lambda: Path("/etc/passwd").read_text(),
        "lists the user's home": lambda: os.listdir(job["home"]),
        "token": lambda: os.environ["CI_JOB_TOKEN"],
        "token with a fitting name": lambda: os.environ["TORCH_TOKEN"],
        "own environment": lambda: Path("/proc/self/environ").read_bytes().index(b"TOKEN="),
        "processor": lambda: Path("/proc/cpuinfo").read_text(),
        "own memory": lambda: Path("/proc/self/status").read_text(),
        "runs a program": lambda: subprocess.run(["true"], check=True),
        "imports": lambda: __import__("xml.dom.minidom"),
        "pair": lambda: socket.socketpair(),
        "overwrites": lambda: Path(job["victim"]).write_text("x"),
        "appends": lambda: open(job["victim"], "a").write("x"),
        "truncates": lambda: os.truncate(job["victim"], 0),
        "removes": lambda: os.remove(job["victim"]),
        "moves": lambda: os.rename(job["victim"], "mine"),
        "replaces": lambda: os.rename("file", job["victim"]),
        "makes": lambda: Path(job["victim"] + "-new").write_text("x"),
        "makes a folder": lambda: os.mkdir(job["victim"] + "-folder"),
        "links": lambda: os.symlink("/", job["victim"] + "-link"),
        "permissions": lambda: os.chmod(job["victim"], 0o777),
        "a child writes": lambda: subprocess.run(
            ["sh", "-c", f"echo x > {job['victim']}"], check=True, stderr=subprocess.DEVNULL),
        "shared memory": lambda: Path("/dev/shm/exportbench-test").write_text("x"),
        "connects": lambda: socket.create_connection(("127.0.0.1", job["port"]), 1),
        "sends": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "connects here": lambda: socket.socket(socket.AF_UNIX).connect(job["unix"]),
        "kills": lambda: os.kill(os.getppid(), 0),
        "memory of others": lambda: open(f"/proc/{os.getppid()}/mem", "rb+"),
    }
    found = {}
    for name, attempt in tries.items():
        try:
            attempt()
            found[name] = "done"
        except Exception as error:
            found[name] = type(error).__name__
    print("found", json.dumps(found), flush=True)  # to the log
    raise NotImplementedError("looked around")
"""
ALLOWED = {
    *("own folder", "below it", "temporary", "home", "null", "pair"),
    *("processor", "own memory", "runs a program", "imports"),
}


@pytest.fixture(scope="module")
def attempts(tmp_path_factory, run_cli, fake_artifact, inputs_file):
    """What came of each, in a run of the command line, and the run's records."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "infer", project / "infer")
    (project / "infer" / "runtimes" / "fake.py").write_text(textwrap.dedent(TRIES))
    inputs_file(project / "inputs.npz")
    victim = project / "victim"
    victim.write_text("precious")
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(str(project / "unix"))
        unix.listen()
        job = {
            "victim": str(victim),
            "port": server.getsockname()[1],
            "unix": str(project / "unix"),
            "inputs": str(project / "inputs.npz"),
            "other": str(project / "other" / "model.json"),
            "home": str(Path.home()),
        }
        patch.setenv("CI_JOB_TOKEN", "secret")
        patch.setenv("TORCH_TOKEN", "secret")
        fake_artifact(project, "other", **job)
        fake_artifact(project, "artifact", **job)
        run_cli(
            *("run", "artifact", "other", "--inputs", "inputs.npz", "--device", "cpu"),
            *("--threads", "1", "--out", "runs", "--json", "out.json"),
            cwd=project,
            root=project,
        )
    (log,) = project.glob("runs/*/logs/artifact-preflight.log")
    return printed(log, "found"), project


@pytest.mark.skipif(not LINUX, reason="only Linux closes these doors")
def test_an_artifact_can_do_what_it_needs_and_nothing_else(attempts):
    results, project = attempts

    assert {name for name, result in results.items() if result == "done"} == ALLOWED
    assert (project / "victim").read_text() == "precious"
    assert (project / "victim").stat().st_mode & 0o777 != 0o777


def test_what_it_kept_in_its_home_is_gone(attempts):
    assert not list(attempts[1].rglob(".home"))


@pytest.fixture
def worker(tmp_path, fake_artifact):
    def make(**settings):
        return WorkerProcess(
            open_artifact(fake_artifact(tmp_path, "artifact", **settings)),
            device="cpu",
            threads=1,
            scratch=tmp_path / "scratch",
            log=tmp_path / "log",
            timeout_s=60,
        )

    return make


@pytest.mark.skipif(not LINUX, reason="only Linux closes these doors")
def test_an_isolated_worker_is_stopped_looked_at_and_ended_from_outside(worker):
    with worker() as process:
        answer = process.start()
        assert answer["isolation"] == dict.fromkeys(isolation.RESTRICTIONS)
        process.ask(messages.Load())
        process.stop()
        assert psutil.Process(process.pid).memory_info().rss > 1 << 20
        assert psutil.Process(process.pid).memory_full_info().uss > 1 << 20
        process.resume()
        process.ask(messages.Load())
        pid = process.pid
    assert not psutil.pid_exists(pid)


def test_where_it_is_not_isolated_the_run_says_so_once(
    tmp_path, run_cli, fake_artifact, inputs_file, monkeypatch
):
    monkeypatch.setenv("EXPORTBENCH_ISOLATION", "off")
    inputs_file(tmp_path / "inputs.npz")
    for name in ("a", "b"):
        fake_artifact(tmp_path / "artifacts", name)

    done = run_cli(
        *("run", "artifacts", "--inputs", "inputs.npz", "--device", "cpu", "--threads", "1"),
        *("--turns", "1", "--burst", "0.01s", "--out", "runs"),
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("NOT ISOLATED") == len(isolation.RESTRICTIONS)
    assert "EXPORTBENCH_ISOLATION is off" in done.stdout


# What an older kernel lacks, by the version of its Landlock, and what closes signals there.
KERNELS = {
    0: dict.fromkeys(("reads", "writes", "truncation"), "the kernel has no Landlock"),
    1: {"truncation": "Landlock's version 1 cannot; Linux 6.2 can"},
    3: {},
    7: {},
}


@pytest.mark.skipif(not LINUX, reason="only Linux closes these doors")
@pytest.mark.parametrize("filtered", [True, False], ids=["seccomp", "no seccomp"])
@pytest.mark.parametrize("version", KERNELS)
def test_what_is_open_is_said_for_each_kernel(tmp_path, version, filtered):
    """The version that this kernel tells is replaced: its scopes are then not asked for."""
    code = f"""
import json, os, socket, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from infer.sandbox import isolation, landlock
real = landlock.system_call
def call(number, *arguments):
    asks = number == landlock._CREATE_RULESET and arguments[0] is None
    return min(real(number, *arguments), {version}) if asks else real(number, *arguments)
landlock.system_call = call
layers = isolation.LAYERS if {filtered} else ("landlock", "capabilities")
answers = isolation.isolate(Path.cwd(), layers=layers)
def refused(attempt):
    try:
        attempt()
    except PermissionError:
        return True
    return False
found = {{
    "network": refused(socket.socket),
    "reads": refused(lambda: Path("/etc/passwd").read_text()),
    "signals": refused(lambda: os.kill(os.getppid(), 0)),
    "processes": refused(os.setsid),
}}
os.kill(os.getpid(), 0)
print(json.dumps([real(landlock._CREATE_RULESET, None, 0, 1), answers, found]))
sys.stdout.flush()
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    real, answers, refused = json.loads(done.stdout)
    if real < version:
        pytest.skip(f"this kernel's Landlock has version {real}")
    expected = KERNELS[version]
    if not filtered:
        expected = expected | dict.fromkeys(("network", "processes"), "not asked for")
        if version < 6:
            lacks = f"Landlock's version {version} cannot; Linux 6.12 can"
            expected["signals"] = f"{expected.get('writes', lacks)}; not asked for"

    assert answers == dict.fromkeys(isolation.RESTRICTIONS) | expected
    assert refused == {name: answers[name] is None for name in refused}


@pytest.mark.skipif(not LINUX, reason="only Linux closes these doors")
def test_a_reader_may_write_nowhere(tmp_path):
    module = tmp_path / "infer"
    shutil.copytree(ROOT / "infer", module)
    (module / "sandbox" / "reader_server.py").write_text(
        "def main(arguments):\n    open(arguments[0], 'w').write('x')\n"
    )

    done = subprocess.run(
        [
            sys.executable,
            "-I",
            module / "sandbox" / "bootstrap.py",
            "sandbox.reader_server",
            tmp_path / "written",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert "PermissionError" in done.stderr
    assert not (tmp_path / "written").exists()


def test_modules_that_were_not_compiled_are_compiled_once(tmp_path, fake_artifact, run_cli):
    """A worker may not write them, but must not be measured compiling them either."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "infer", project / "infer", ignore=shutil.ignore_patterns("__pycache__"))
    artifact = fake_artifact(tmp_path, "artifact")
    code = f"from infer.api import load\nfor _ in range(2): load({str(artifact)!r}).close()\n"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(project)},
        check=True,
    )

    kept = {Path(file.name).name.partition(".")[0] for file in project.rglob("*.pyc")}
    assert {"server", "fake", "bytecode"} <= kept


@pytest.mark.skipif(not LINUX, reason="only Linux closes these doors")
def test_the_user_may_open_more(tmp_path, monkeypatch):
    """A reader reads what it is given and what the user names, and nothing beside."""
    module = tmp_path / "infer"
    shutil.copytree(ROOT / "infer", module)
    (module / "sandbox" / "reader_process.py").write_text(
        "def main(arguments):\n    print(open(arguments[0]).read())\n"
    )
    monkeypatch.setattr("infer.sandbox.launcher._BOOTSTRAP", module / "sandbox" / "bootstrap.py")
    given, opened, other = (tmp_path / name for name in ("given", "opened", "other"))
    for file in (given, opened, other):
        file.write_text(file.name)

    def read(file):
        done = run_limited("sandbox.reader_process", str(file), reads=[given], timeout_s=60)
        return done.output.decode().strip() or "PermissionError" in done.printed.decode()

    assert [read(file) for file in (given, opened, other)] == ["given", True, True]
    monkeypatch.setenv("EXPORTBENCH_ALLOW_READ", str(opened))
    assert [read(file) for file in (given, opened, other)] == ["given", "opened", True]
