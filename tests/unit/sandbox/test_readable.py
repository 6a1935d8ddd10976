"""What an isolated process may read, by where its interpreter and its modules lie."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from infer.sandbox import readable as readable_module
from infer.sandbox.readable import Readable, readable


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A home with a project, whose own folder is an environment as well, and nothing else."""
    home = tmp_path / "home"
    project = home / "project"
    for file in (
        *("bin/python", "lib/python3.11/site-packages/numpy/__init__.py", "pyvenv.cfg"),
        *("package/__init__.py", "package/data/labels.npz", "module.py"),
        *("data/labels.npz", "runs/results.jsonl", "baseline.json"),
    ):
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text("")
    (home / ".netrc").write_text("secret")
    monkeypatch.setenv("HOME", str(home))
    for name in ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "ROCM_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name in ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, str(project))
    monkeypatch.setattr(sys, "executable", str(project / "bin" / "python"))
    monkeypatch.setattr(sys, "path", [str(project / "lib/python3.11/site-packages")])
    return project


def may_read(file: Path, *given: Path, withheld: tuple[Path, ...] = ()) -> bool:
    """As the kernel judges: by where a file really lies."""
    return any(
        file.resolve().is_relative_to(root.path.resolve())
        for root in readable(given, withheld)
        if not root.only_names
    )


def test_an_environment_in_a_project_is_open_without_the_project(project):
    assert may_read(project / "bin/python")
    assert may_read(project / "pyvenv.cfg")
    assert may_read(project / "lib/python3.11/site-packages/numpy/__init__.py")
    for closed in ("data/labels.npz", "runs/results.jsonl", "baseline.json", "../.netrc"):
        assert not may_read(project / closed)


def test_of_a_project_on_the_import_path_only_modules_are_open(project, monkeypatch):
    """As `pip install -e` puts it there."""
    sys.path.append(str(project))

    assert may_read(project / "package/__init__.py")
    assert may_read(project / "module.py")
    assert not may_read(project / "data/labels.npz")
    assert not may_read(project / "baseline.json")
    labels = project / "package/data/labels.npz"
    assert not may_read(labels, withheld=(labels,))
    assert may_read(project / "package/__init__.py", withheld=(labels,))
    assert Readable(project, only_names=True) in readable([], [])


def test_packages_that_a_finder_maps_are_open(project, monkeypatch):
    finder = ModuleType("__editable___package_1_0_finder")
    finder.MAPPING = {"package": str(project / "package"), "module": str(project / "module")}
    monkeypatch.setitem(sys.modules, finder.__name__, finder)

    assert may_read(project / "package/__init__.py")
    assert may_read(project / "module.py")
    assert not may_read(project / "data/labels.npz")


def test_packages_that_are_links_are_open(project, tmp_path):
    elsewhere = tmp_path / "store" / "torch"
    elsewhere.mkdir(parents=True)
    (project / "lib/python3.11/site-packages/torch").symlink_to(elsewhere)

    assert may_read(elsewhere / "__init__.py")
    assert not may_read(elsewhere.with_name("other"))


def test_only_libraries_of_a_library_path_are_open(project, monkeypatch):
    (project.parent / "libown.so.1").write_text("")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{project.parent}::relative")

    assert may_read(project.parent / "libown.so.1")
    assert not may_read(project.parent / ".netrc")


def test_what_is_given_is_open_and_labels_in_it_are_not(project):
    model = project / "model"
    for file in ("saved_model.pb", "assets/words.txt", "assets/labels.npz"):
        (model / file).parent.mkdir(parents=True, exist_ok=True)
        (model / file).write_text("")
    labels = model / "assets/labels.npz"

    assert may_read(labels, model)
    assert not may_read(labels, model, withheld=(labels,))
    for file in ("saved_model.pb", "assets/words.txt"):
        assert may_read(model / file, model, withheld=(labels,))
    assert not may_read(project / "data/labels.npz", model)


def test_a_home_that_is_given_is_open(project):
    assert may_read(project.parent / "anything", project.parent)


def test_a_home_in_a_folder_of_programs_stays_closed(project, monkeypatch):
    monkeypatch.setattr(readable_module, "_PROGRAMS", (str(project.parents[1]),))
    (project.parents[1] / "program").write_text("")

    assert may_read(project.parents[1] / "program")
    assert not may_read(project / "data/labels.npz")
    assert not may_read(project.parent / ".netrc")


def test_packages_of_another_environment_are_open_with_their_libraries(project):
    other = project.parent / "other/lib/python3.11/site-packages"
    for file in ("numpy/__init__.py", "numpy.libs/libopenblas.so", "nvidia/cudnn/lib/x.so"):
        (other / file).parent.mkdir(parents=True)
        (other / file).write_text("")
    sys.path.append(str(other))  # as a .pth file does

    assert may_read(other / "numpy/__init__.py")
    assert may_read(other / "numpy.libs/libopenblas.so")
    assert may_read(other / "nvidia/cudnn/lib/x.so")
    assert not may_read(project.parent / "other/data.npz")


@pytest.mark.parametrize("folder", ["/usr/src/app", "/usr/app", "/usr/local/app", "/usr/local/src"])
def test_a_project_of_a_container_is_closed(project, folder):
    for closed in ("runs/results.jsonl", "baseline.json", "other/model.onnx"):
        assert not may_read(Path(folder, closed))
    for opened in ("/usr/bin/ld", "/usr/lib/x.so", "/usr/local/lib/x.so", "/usr/share/zoneinfo"):
        assert may_read(Path(opened))


@pytest.mark.parametrize("closed", ["/dev/shm/x", "/proc/1/cmdline", "/etc/shadow", "/tmp/x"])
def test_of_the_system_only_what_every_program_needs_is_open(closed):
    assert not may_read(Path(closed))
