"""What a device could do at best; of a card that C stands for, in the host's memory."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from infer.measure import roofline
from infer.records.run_events import RooflineMeasured

ROOT = Path(__file__).resolve().parents[3]
SIDE, COPIED = 32, 2**20
COPIES = ("to_device", "from_device")
MEASURE = "import json, sys; from infer.system.card_roofline import rates; " + (
    f"print(json.dumps(rates(sys.argv[1:], {SIDE}, {COPIED}, 0.03)))"
)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """The folder of a libcuda.so.1, and an interpreter's folder that has a libcublas.so.12."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler to build what stands for a card")
    folder = tmp_path_factory.mktemp("card")
    blas = folder / "venv" / "lib" / "python3.12" / "site-packages" / "nvidia" / "cublas" / "lib"
    blas.mkdir(parents=True)
    source = ROOT / "tests" / "support" / "card_stand_in.c"
    cuda = folder / "libcuda.so.1"
    build = [compiler, "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", cuda, source]
    subprocess.run(build, check=True)
    # One library has both, so that what the one begins the other waits for.
    (blas / "libcublas.so.12").symlink_to(cuda)
    return folder


@pytest.fixture
def rates(libraries):
    def measure(card="", pythons=True):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *([libraries / "venv/bin/python"] if pythons else [])],
            cwd=ROOT,
            env=os.environ | {"LD_LIBRARY_PATH": str(libraries), "CARD": card},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return measure


def about(value, known):
    """A sleeper wakes up late, never early."""
    return 0.3 * known < value <= 1.01 * known


def test_rates_of_a_card(rates):
    measured = rates()

    assert measured["failed"] == {}
    assert measured["library"].endswith("nvidia/cublas/lib/libcublas.so.12")
    assert about(measured["flops_per_s"], 2 * SIDE**3 / 20e-3)
    assert about(measured["tf32_flops_per_s"], 2 * SIDE**3 / 5e-3)
    assert about(measured["bytes_per_s"], 2 * COPIED / 4e-3)
    for way in COPIES:
        assert about(measured[f"{way}_bytes_per_s"], COPIED / 10e-3)
        assert about(measured[f"{way}_pinned_bytes_per_s"], COPIED / 2e-3)


def test_what_is_measured_of_a_card_is_what_a_record_holds(rates):
    measured = {"device": "cuda"} | rates()

    event = msgspec.convert({"kind": "roofline"} | measured, RooflineMeasured)

    assert event.library == measured["library"]


@pytest.mark.parametrize(
    ("card", "names", "reason"),
    [
        ("old", {"tf32_flops_per_s"}, "the card has none (compute capability 7.5)"),
        ("broken", {"flops_per_s", "tf32_flops_per_s"}, "cuBLAS's product is wrong"),
        ("too old for cuBLAS", {"flops_per_s", "tf32_flops_per_s"}, "cublasCreate_v2 returned 1"),
        (
            "no pinned memory",
            {f"{way}_pinned_bytes_per_s" for way in COPIES},
            "cuMemAllocHost_v2 returned 2 (CUDA_ERROR_OUT_OF_MEMORY)",
        ),
    ],
)
def test_what_cannot_be_measured_says_why_and_the_rest_is(rates, card, names, reason):
    card_rates = rates(card)

    assert card_rates["failed"].keys() == names
    assert all(reason in text for text in card_rates["failed"].values())
    measured = {name for name, value in card_rates.items() if name.endswith("_per_s") and value}
    assert measured == {name for name in measured if name.endswith("_per_s")} - names


def test_without_cublas_the_copies_are_measured(rates):
    measured = rates(pythons=False)

    if not measured["failed"]:
        pytest.skip("this machine has a cuBLAS of its own")
    assert measured["failed"].keys() == {"flops_per_s", "tf32_flops_per_s"}
    assert "no cuBLAS that works here" in measured["failed"]["flops_per_s"]
    assert measured["bytes_per_s"] and measured["to_device_pinned_bytes_per_s"]


def test_a_machine_without_a_driver_says_so(monkeypatch):
    monkeypatch.setattr("infer.system.cuda_driver.LIBRARY", "libnothing.so")
    from infer.system.card_roofline import rates

    measured = rates([])

    assert measured["flops_per_s"] is None
    assert len(measured["failed"]) == 7
    assert all("libnothing.so cannot be loaded" in text for text in measured["failed"].values())


def test_a_process_that_fails_is_told_of(monkeypatch):
    monkeypatch.setattr("infer.sandbox.launcher._BOOTSTRAP", "missing.py")
    measured = roofline.measure("cpu", threads=1)
    assert "missing.py" in measured["failed"]["flops_per_s"]

    measured = roofline.measure("cpu", threads=1, timeout_s=1e-3)
    assert "it took over 0.001 s" in measured["failed"]["bytes_per_s"]
