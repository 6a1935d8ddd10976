"""What is installed for a runtime."""

import ctypes
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest

from infer.system.installed_size import installed_bytes
from infer.system.mapped_libraries import cuda_versions, mapped, of_cuda

# As in CUDA's and cuDNN's headers, for version 13.0 and 9.20.0.
CUDA = "int cudaRuntimeGetVersion(int *version) { *version = 13000; return 0; }"
CUDNN = "#include <stddef.h>\nsize_t cudnnGetVersion(void) { return %d; }"


def test_needs_are_counted_with_what_they_need():
    sizes = installed_bytes(["scikit-learn"])

    assert {"scikit-learn", "scipy", "numpy", "joblib"} <= sizes.keys()
    assert sizes["numpy"] > 1e6


def test_a_distribution_is_counted_once_under_one_name():
    assert installed_bytes(["NumPy", "numpy"]).keys() == {"numpy"}


def test_bytes_are_those_of_its_files():
    files = distribution("packaging").files
    total = sum(Path(str(file.locate())).stat().st_size for file in files)

    assert installed_bytes(["packaging"])["packaging"] == total


def test_what_is_not_installed_is_left_out():
    assert installed_bytes(["there-is-no-such-distribution"]) == {}


def test_extras_are_not_what_a_distribution_needs():
    assert "pytest" not in installed_bytes(["numpy"])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a distribution of a name in a folder of the import path; files by their text."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install(name, files=(), requires=()):
        folder = tmp_path / "site"
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        head += "".join(f"Requires-Dist: {text}\n" for text in requires)
        (info / "METADATA").write_text(head)
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        return folder

    return install


def library(path, text):
    """A shared library of a C program."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler to make a library with")
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=text, text=True, check=True)
    return path


def test_extras_that_a_requirement_asks_for_are_followed(package):
    package("toolkit", requires=("part-a; extra == 'a'", "part-b; extra == 'b'"))
    package("runtime", requires=("toolkit[a]",))
    package("part-a")
    package("part-b")

    assert installed_bytes(["runtime"]).keys() == {"runtime", "toolkit", "part-a"}
    assert installed_bytes(["toolkit"]).keys() == {"toolkit"}


def test_libraries_that_are_loaded_bring_their_distribution_or_are_counted_themselves(
    tmp_path, package
):
    site = package("nvidia-cudnn-cu13", ["nvidia/cudnn/lib/libcudnn.so.9"])
    cudnn = library(site / "nvidia" / "cudnn" / "lib" / "libcudnn.so.9", CUDNN % 92000)
    cudart = library(tmp_path / "cuda-13.0" / "libcudart.so.13.0.96", CUDA)
    linked = tmp_path / "libcudart.so.13"
    linked.symlink_to(cudart)
    driver = library(tmp_path / "libcuda.so.580.95.05", CUDA)
    before = installed_bytes(["numpy"], mapped())
    loaded = [ctypes.CDLL(str(path)) for path in (cudnn, linked, driver)]
    libraries = mapped()
    sizes = installed_bytes(["numpy"], libraries)

    assert loaded
    assert of_cuda(libraries) == sorted([cudart, cudnn])
    assert {name: sizes[name] for name in sizes.keys() - before.keys()} == {
        "nvidia-cudnn-cu13": cudnn.stat().st_size,
        "libcudart.so.13.0.96": cudart.stat().st_size,
    }
    assert cuda_versions(of_cuda(libraries)) == {"CUDA": "13.0", "cuDNN": "9.20.0"}


@pytest.mark.parametrize(("number", "version"), [(8907, "8.9.7"), (91002, "9.10.2")])
def test_the_version_of_cudnn_is_read_in_both_of_its_scales(tmp_path, number, version):
    path = library(tmp_path / "libcudnn.so", CUDNN % number)

    assert cuda_versions([path]) == {"cuDNN": version}


def test_a_library_that_is_not_what_its_name_says_is_left_out(tmp_path):
    wrong = library(tmp_path / "libcudnn.so.8", CUDA)
    (tmp_path / "libcudart.so.12").write_text("no library")

    assert cuda_versions([wrong, tmp_path / "libcudart.so.12"]) == {}
