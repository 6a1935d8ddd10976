"""The sandbox of workers on cuda: the CUDA driver starts in it, and nothing else gets out.

There is no card here: tests/support/cuda_stand_in.c asks the system for what the driver asks.
"""

import errno
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from packet_filter import AUDIT, verdict_of
from runs import printed

from infer.artifacts.artifact import open_artifact
from infer.outcome import Failure
from infer.sandbox import cuda_driver_start, seccomp
from infer.worker import messages
from infer.worker.client import WorkerProcess

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux has this sandbox",
)

TYPES = (1, 2, 3, 4, 5, 10)
FAMILIES = range(46)

REACH = (ROOT / "tests" / "support" / "sandbox_reach.py").read_text()
# A runtime that has it run in the worker, a thread and a child of it.
RUNTIME = """
import ctypes, json, subprocess, sys, threading
from pathlib import Path

def devices():
    return ["cpu"]

def has_cuda():
    return None

def load(path, options):
    job = json.loads(path.read_text())
    reach = {"__name__": "reach"}
    exec(job["reach"], reach)
    found = {"cuinit": ctypes.CDLL("libcuda.so.1").cuInit(0), "worker": reach["everything"](job)}
    thread = threading.Thread(target=lambda: found.update(thread=reach["everything"](job)))
    thread.start()
    thread.join()
    child = subprocess.run(
        [sys.executable, "-c", job["reach"]],
        input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=True,
    )
    found["child"] = json.loads(child.stdout)
    print("found", json.dumps(found), flush=True)  # to the log
    raise NotImplementedError("looked around")
"""
MOVED = ("HOME", "TMPDIR", "XDG_CACHE_HOME")
ELSEWHERE = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TRITON_HOME", "TMP", "TEMP")


def _listening(folder):
    """A listener of every type, by a path and by an abstract name."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        for name in (str(folder / f"listener-{kind}"), f"\0exportbench-{os.getpid()}-{kind}"):
            server = socket.socket(socket.AF_UNIX, kind)
            server.bind(name)
            if kind != socket.SOCK_DGRAM:
                server.listen()
            server.setblocking(False)
            yield name, server


@pytest.fixture(scope="module")
def looked_around(stand_in, tmp_path_factory, fake_artifact):
    """What a worker came to on each device, and what reached the listeners."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "infer", project / "infer")
    (project / "infer" / "runtimes" / "fake.py").write_text(RUNTIME)
    shared = Path("/dev/shm") / f"exportbench-{os.getpid()}-other"
    shared.write_text("precious")
    servers = dict(_listening(project))
    result = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", str(stand_in))
        patch.setattr(cuda_driver_start, "_started", {})
        patch.setattr(
            "infer.sandbox.launcher._BOOTSTRAP", project / "infer" / "sandbox" / "bootstrap.py"
        )
        for name in ELSEWHERE:
            patch.setenv(name, "/somewhere/else")
        for device in ("cpu", "cuda"):
            job = {
                "names": list(servers),
                "elsewhere": str(project / "mine"),
                "families": list(FAMILIES),
                "types": TYPES,
                "cuda": device == "cuda",
                "reach": REACH,
                "shm": [shared.name, f"cuda.shm.0.{os.getpid():x}.1"],
                "variables": [*MOVED, "CUDA_CACHE_PATH", *ELSEWHERE],
            }
            with WorkerProcess(
                open_artifact(fake_artifact(project, device, **job)),
                device=device,
                threads=1,
                scratch=project / f"scratch-{device}",
                log=project / f"log-{device}",
                timeout_s=60,
            ) as process:
                process.start()
                with pytest.raises(Failure, match="looked around"):
                    process.ask(messages.Load())
            result[device] = printed(project / f"log-{device}", "found")
    try:
        result["reached"] = [name for name, server in servers.items() if _reached(server)]
        result["shared"] = shared.read_text()
        subprocess.run(  # not isolated, to see that these tries would reach what they can
            [sys.executable, "-c", REACH],
            input=json.dumps(job),
            stdout=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        result["not reached without it"] = [
            n for n, server in servers.items() if not _reached(server)
        ]
    finally:
        for name in job["shm"]:
            Path("/dev/shm", name).unlink(missing_ok=True)
        for server in servers.values():
            server.close()
    return result


def _reached(server):
    try:
        server.recv(10) if server.type == socket.SOCK_DGRAM else server.accept()
    except BlockingIOError:
        return False
    return True


PLACES = ("worker", "thread", "child")


def test_the_driver_starts_in_a_worker_on_cuda_and_in_no_other(looked_around):
    assert looked_around["cuda"]["cuinit"] == 0
    assert looked_around["cpu"]["cuinit"] == 304


@pytest.mark.parametrize("place", PLACES)
def test_no_socket_but_the_drivers(looked_around, place):
    """Of families 0 to 45, the internet's and the machine's, and every type."""
    pairs = [[1, 1], [1, 5]]
    for device, sockets in (("cpu", []), ("cuda", [[1, 5]])):
        assert looked_around[device][place]["sockets"] == sockets, device
        assert looked_around[device][place]["pairs"] == pairs, device


def test_no_listener_of_this_machine_is_reached(looked_around):
    """Nor by a pair of datagram sockets, which needs no `socket` and may be sent anywhere."""
    assert looked_around["reached"] == []
    assert looked_around["not reached without it"] == []


@pytest.mark.parametrize("place", PLACES)
def test_nobody_talks_through_the_drivers_socket(looked_around, place):
    assert looked_around["cuda"][place]["own"] == {
        "a name in another's folder": "EACCES",
        "connect": "ENOENT",
        "accept": "EPERM",
        "accept4": "EPERM",
    }


@pytest.mark.parametrize("place", PLACES)
def test_the_filter_is_not_got_around_by_numbers(looked_around, place):
    for device in ("cpu", "cuda"):
        assert looked_around[device][place]["raw"] == {
            "upper half is not looked at": "done" if device == "cuda" else "EPERM",
            "nor hides what is below": "EPERM",
            "x32": "EPERM",
            "io_uring": "EPERM",
        }


@pytest.mark.parametrize("place", PLACES)
def test_no_shared_memory_of_others_is_written_and_none_made(looked_around, place):
    for device in ("cpu", "cuda"):
        assert set(looked_around[device][place]["shm"].values()) == {"EACCES"}
    assert looked_around["shared"] == "precious"


def test_caches_go_below_the_workers_folder(looked_around):
    """Whatever the user has set; what is unset follows HOME, TMPDIR or XDG_CACHE_HOME."""
    for device in ("cpu", "cuda"):
        *moved, kernels = looked_around[device]["worker"]["places"][:4]
        *elsewhere, temporary = looked_around[device]["worker"]["places"][4:]
        assert {Path(place).name for place in moved} == {".home"}
        assert Path(kernels).parent == Path(moved[0]) == Path(temporary)
        assert elsewhere == [None] * len(ELSEWHERE)


def _in_a_process(tmp_path, code):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_which_devices_a_worker_may_write(tmp_path):
    """Files stand for devices: it matters what they are called."""
    devices = tmp_path / "dev"
    (devices / "nvidia-caps").mkdir(parents=True)
    gpus = ("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-caps/nvidia-cap1")
    for name in (*gpus, "dxg", "sda", "nvme0", "kvm"):
        (devices / name).write_text("")
    (devices / "nvidia9").symlink_to("gone")

    result = _in_a_process(
        tmp_path,
        f"""
import json
from pathlib import Path
from infer.sandbox import cuda_exceptions, isolation
cuda_exceptions.DEVICE_FOLDER = Path({str(devices)!r})
Path("own").mkdir()
assert isolation.isolate(Path("own"), cuda=True)["writes"] is None
written = []
for name in {(*gpus, "dxg", "sda", "nvme0", "kvm")!r}:
    try:
        open(cuda_exceptions.DEVICE_FOLDER / name, "r+").close()
        written.append(name)
    except PermissionError:
        pass
print(json.dumps(written))
""",
    )

    assert result == [*gpus, "dxg"]


def test_the_right_to_name_threads_is_not_forgotten_when_memory_is_short(tmp_path):
    """The kernel drops folders of /proc that nobody has open, and Landlock's rule with them."""
    result = _in_a_process(
        tmp_path,
        """
import json, os
from pathlib import Path
from infer.sandbox.isolation import isolate
isolate(Path.cwd(), cuda=True)
def at(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return None
print(json.dumps([str(os.getpid()), [at(number) for number in os.listdir("/proc/self/fd")]]))
""",
    )

    assert f"/proc/{result[0]}" in result[1]


@pytest.mark.parametrize("closed", ["seccomp", "landlock"])
def test_each_layer_keeps_an_abstract_name_of_others_out_of_reach(tmp_path, closed):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(f"\0exportbench-{os.getpid()}-layer")
        server.listen()
        result = _in_a_process(
            tmp_path,
            f"""
import json, socket
from infer.sandbox import isolation, landlock
from infer.sandbox.system_calls import system_call
version = system_call(landlock._CREATE_RULESET, None, 0, 1)
isolation.isolate(None, cuda=True, layers=[{closed!r}])
ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ours.bind("\\0exportbench-{os.getpid()}-ours")
ours.listen()
try:
    socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect({server.getsockname()!r})
    said = 0
except OSError as error:
    said = error.errno
print(json.dumps([version, said]))
""",
        )
    version, error = result
    if closed == "landlock" and version < 6:
        pytest.skip("this kernel's Landlock has no scopes (Linux 6.12)")
    assert error == (errno.EPERM if closed == "landlock" else errno.ENOENT)


# The numbers of Linux's own tables (asm-generic and x86), apart from those of the filter.
CALLS = {
    "x86_64": {"socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50}
    | {"socketpair": 53, "accept4": 288, "memfd_create": 319, "fchmodat": 268, "write": 1},
    "aarch64": {"socket": 198, "connect": 203, "accept": 202, "bind": 200, "listen": 201}
    | {"socketpair": 199, "accept4": 242, "memfd_create": 279, "fchmodat": 53, "write": 64},
}


@pytest.mark.parametrize("machine", CALLS)
@pytest.mark.parametrize("cuda", [False, True])
def test_the_filter_of_each_architecture(machine, cuda):
    program = seccomp.program(machine, cuda=cuda, pid=1234, signals=False)
    calls, audited = CALLS[machine], AUDIT[machine]

    def verdict(name, *arguments, architecture=audited):
        return verdict_of(program, architecture, calls[name], *arguments)

    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    assert verdict("socket", 1, 5 | flags) == (0 if cuda else errno.EPERM)
    assert verdict("socket", 1, 1) == verdict("socket", 2, 5) == errno.EPERM
    assert verdict("socketpair", 1, 1 | flags) == verdict("socketpair", 1, 5) == 0
    assert verdict("socketpair", 1, 2) == verdict("socketpair", 30, 5) == errno.EPERM
    assert verdict("connect", 3) == (errno.ENOENT if cuda else errno.EPERM)
    assert verdict("accept", 3) == verdict("accept4", 3) == verdict("fchmodat") == errno.EPERM
    for name in ("bind", "listen", "memfd_create", "write"):
        assert verdict(name, 1, 5) == 0, name
        assert verdict(name, 1, 5, architecture=0x40000003) == errno.EPERM  # 32 bits
