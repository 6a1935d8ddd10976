"""What the README's two commands install, by machine: tools/install_once.py and its lock files."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOOLS = ROOT / "tools"
sys.path.insert(0, str(TOOLS))

import environments  # noqa: E402
import install_once  # noqa: E402
import lock  # noqa: E402

ALL = {
    environment.lock: environment
    for several in environments.ENVIRONMENTS.values()
    for environment in several
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# As the driver's library, of a machine that the environment describes. It finds no card where
# CUDA_VISIBLE_DEVICES hides them, as the real one does.
DRIVER = """
#include <stdlib.h>
static int of(const char *name) { const char *text = getenv(name); return text ? atoi(text) : 0; }
int cuInit(unsigned flags) { return getenv("CUDA_VISIBLE_DEVICES") ? 100 : of("TEST_INIT"); }
int cuDriverGetVersion(int *version) { *version = of("TEST_CUDA"); return 0; }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int index) { *device = 10 + index; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    int capability = device == 11 ? of("TEST_CAPABILITY") : 50;
    *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : -1;
    return 0;
}
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A folder with a driver's library."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler to make a driver's library with")
    folder = tmp_path_factory.mktemp("driver")
    command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", folder / "libcuda.so.1"]
    subprocess.run(command, input=DRIVER, text=True, check=True)
    return folder


def show(folder, **variables):
    """What install_once.py says that it would install, on a machine of this description."""
    known = {k: v for k, v in os.environ.items() if k != environments.VARIABLE}
    known |= {name: str(value) for name, value in variables.items()}
    command = [sys.executable, TOOLS / "install_once.py", folder, "--show"]
    done = subprocess.run(command, env=known, capture_output=True, text=True)
    return done.returncode, done.stdout.replace(f"{folder}/", "").splitlines(), done.stderr


def test_a_card_decides_what_is_installed(tmp_path, driver):
    machine = {"LD_LIBRARY_PATH": driver, "TEST_CAPABILITY": 90, "TEST_CUDA": 13000}
    machine["CUDA_VISIBLE_DEVICES"] = "-1"  # that of one command is not the machine's
    status, lines, _ = show(tmp_path, **machine)
    assert (status, lines[0]) == (0, "cuda13: the driver runs CUDA 13.0")
    assert [line.partition(":")[0] for line in lines[1:]] == ["all", "tensorflow"]
    assert "cuda13" in lines[1]
    assert "tensorflow-gpu" in lines[2]
    for changed, expected in (
        ({"TEST_CUDA": 12080}, "cuda12: the driver runs CUDA 12.8"),
        ({"TEST_CUDA": 14020}, "cuda13: the driver runs CUDA 14.2"),
        ({"TEST_CAPABILITY": 70}, "cuda12: the driver runs CUDA 13.0, which has nothing for a"),
        ({"TEST_CUDA": 11080}, "cpu: the driver runs CUDA 11.8, the CUDA builds take 12 or newer"),
        ({"TEST_INIT": 100}, "cpu: no NVIDIA card"),
        ({"TEST_INIT": 803}, "cpu: the NVIDIA driver does not start (cuInit gives 803)"),
        ({"EXPORTBENCH_DEVICE": "cpu"}, "cpu: EXPORTBENCH_DEVICE says so"),
        ({"EXPORTBENCH_DEVICE": "cuda12"}, "cuda12: EXPORTBENCH_DEVICE says so"),
    ):
        status, lines, _ = show(tmp_path, **machine | changed)
        assert status == 0
        assert lines[0].startswith(expected)
    status, _, error = show(tmp_path, **machine | {"EXPORTBENCH_DEVICE": "gpu"})
    assert (status, error) == (
        2,
        "error: EXPORTBENCH_DEVICE=gpu: choose one of cpu, cuda12, cuda13\n",
    )


def test_each_environment_is_installed_once_with_its_lock(tmp_path, monkeypatch):
    installed = []

    def run(command, **_):
        if "pip" in command:
            installed.append(command)
        return subprocess.CompletedProcess(command, 0)

    def create(folder, **_):
        folder.mkdir(parents=True)

    monkeypatch.setattr(install_once.subprocess, "run", run)
    monkeypatch.setattr(install_once.venv, "create", create)
    monkeypatch.setenv(environments.VARIABLE, "cuda13")
    assert install_once.main([str(tmp_path)]) == 0
    assert install_once.main([str(tmp_path)]) == 0
    assert len(installed) == 2
    for command, environment in zip(installed, environments.ENVIRONMENTS["cuda13"], strict=True):
        assert command[0] == str(tmp_path / environment.name / "bin" / "python")
        assert str(environment.lock_file) in command
        assert command[-1].endswith(f"[{environment.extras}]")
    (tmp_path / "tensorflow" / "installed").write_text("other")
    shutil.rmtree(tmp_path / "tensorflow")
    assert install_once.main([str(tmp_path)]) == 0
    assert [command[0] for command in installed[2:]] == [str(tmp_path / "tensorflow/bin/python")]


def required(extras):
    """The requirements of the project and of its extras, those of extras among them too."""
    waiting = [*PROJECT["dependencies"]]
    for extra in extras.split(","):
        waiting += PROJECT["optional-dependencies"][extra]
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.name == PROJECT["name"]:
            for extra in requirement.extras:
                waiting += PROJECT["optional-dependencies"][extra]
        else:
            yield requirement


@pytest.mark.parametrize("environment", ALL.values(), ids=ALL)
def test_each_lock_has_what_its_environment_asks_for(environment):
    pins = dict(re.split("={2,3}", line) for line in environment.lock_file.read_text().split())
    locked = {canonicalize_name(name): version for name, version in pins.items()}
    for requirement in required(environment.extras):
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(locked[name]), (name, locked[name])
    assert not [builds for builds in lock._BUILDS if builds <= locked.keys()]


def test_no_lock_mixes_versions_of_cuda():
    """The libraries of two versions have the same files, and the later one installed wins."""
    major = {"constraints-cuda13.txt": {"13"}, "constraints-cuda12.txt": {"12"}}
    major["constraints-tensorflow.txt"] = {"12"}
    for name, environment in ALL.items():
        pins = dict(re.split("={2,3}", line) for line in environment.lock_file.read_text().split())
        suffixes = {n.rpartition("-cu")[2] for n in pins if re.fullmatch(r"nvidia-.*-cu\d+", n)}
        runtimes = {v.partition(".")[0] for n, v in pins.items() if "cuda-runtime" in n}
        assert suffixes == runtimes == major.get(name, set())


def test_a_lock_that_does_not_hold_is_said(tmp_path, monkeypatch, capsys):
    """With a pip that resolves to what the test says, in place of the one that asks an index."""
    (tmp_path / "lock.txt").write_text("numpy==2.0\ntorch===2.13.0\n")
    environment = environments.Environment("x", "torch", "lock.txt", "")
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(lock, "ENVIRONMENTS", {"cpu": (), "x": (environment,)})
    pip = tmp_path / "pip"
    monkeypatch.setattr(lock, "_pip_in", lambda folder: pip)

    def resolves_to(**versions):
        names = {name.replace("_", "-"): version for name, version in versions.items()}
        install = [{"metadata": {"name": n, "version": v}} for n, v in names.items()]
        pip.write_text(f"#!/bin/sh\necho '{json.dumps({'install': install})}'\n")
        pip.chmod(0o755)
        return lock.main([]), "".join(capsys.readouterr())

    cuda = {"numpy": "2.0", "nvidia_cuda_runtime": "13.0"}
    assert resolves_to(numpy="2.0", exportbench="0") == (0, "lock.txt: 1 packages, no CUDA\n")
    status, printed = resolves_to(**cuda, torch="2.13.0+cpu")
    assert status == 1
    assert "does not have nvidia-cuda-runtime==13.0: renew it" in printed
    status, printed = resolves_to(numpy="2.0", onnxruntime="1", onnxruntime_gpu="1")
    assert status == 1
    assert "onnxruntime and onnxruntime-gpu, which overwrite each other" in printed
    pip.write_text("#!/bin/sh\necho 'ERROR: no such version' >&2; exit 1\n")
    assert lock.main(["lock.txt"]) == 1
    assert "does not resolve:\nERROR: no such version" in capsys.readouterr().err
    assert lock.main(["other.txt"]) == 2
