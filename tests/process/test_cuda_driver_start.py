"""CUDA is started before the workers; what keeps it from starting is told.

There is no card here: tests/support/cuda_stand_in.c stands for the driver.
"""

import ctypes.util
import shutil
import sys
from unittest.mock import Mock

import pytest
from conftest import ROOT

from infer.artifacts.artifact import open_artifact
from infer.outcome import Failure, Outcome
from infer.sandbox import cuda_driver_start
from infer.sandbox.cuda_diagnosis import cuda_by_layer
from infer.worker import messages
from infer.worker.client import WorkerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this sandbox")


def test_each_layer_is_tried_alone(with_driver):
    cases = cuda_by_layer()

    assert [case["layer"] for case in cases] == [
        "none",
        *("landlock", "seccomp", "capabilities"),
        "all",
    ]
    for case in cases:
        assert case | {"seconds": 0, "nvml": None, "open": []} == {
            "layer": case["layer"],
            "cuinit": 0,
            "name": "CUDA_SUCCESS",
            "version": "13.0",
            "devices": 1,
            "context": True,
            "nvml": None,
            "open": [],
            "seconds": 0,
            "error": None,
        }


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("crashes", {"cuinit": None, "error": "its process was ended by SIGSEGV"}),
        ("hangs", {"cuinit": None, "error": "it did not answer within 1 s"}),
        (
            "has no card",
            {"cuinit": 100, "error": "cuInit returned 100 (CUDA_ERROR_NO_DEVICE)"},
        ),
        (
            "has no memory",
            {"cuinit": 0, "error": "cuMemAlloc_v2 returned 2 (CUDA_ERROR_OUT_OF_MEMORY)"},
        ),
    ],
)
def test_a_layer_under_which_cuda_fails_says_how(with_driver, wish, expected):
    with_driver.setenv("CUDA_STAND_IN", wish)
    with_driver.setattr("infer.sandbox.cuda_diagnosis._CASES", {"all": ("landlock", "seccomp")})

    (case,) = cuda_by_layer(timeout_s=1 if wish == "hangs" else 60)

    assert expected.items() <= case.items()
    assert case["context"] is False


@pytest.fixture
def refusing_filter(with_driver, tmp_path):
    """A filter that refuses what the driver needs, as that of a worker on the CPU does."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "infer", project / "infer")
    filter_ = project / "infer" / "sandbox" / "seccomp.py"
    text = filter_.read_text()
    assert "(cuda_exceptions.SOCKET_FAMILY,)" in text
    filter_.write_text(text.replace("(cuda_exceptions.SOCKET_FAMILY,)", "(99,)"))
    with_driver.setattr(
        "infer.sandbox.launcher._BOOTSTRAP", project / "infer" / "sandbox" / "bootstrap.py"
    )


@pytest.mark.usefixtures("refusing_filter")
def test_the_layer_that_keeps_cuda_from_starting_is_told():
    errors = {case["layer"]: case["name"] for case in cuda_by_layer()}

    refused, fine = "CUDA_ERROR_OPERATING_SYSTEM", "CUDA_SUCCESS"
    assert errors == {
        "none": fine,
        "landlock": fine,
        "seccomp": refused,
        "capabilities": fine,
        "all": refused,
    }


@pytest.mark.skipif(
    bool(ctypes.util.find_library("cuda")), reason="this machine has the CUDA driver"
)
def test_a_machine_without_the_driver_says_so(monkeypatch):
    monkeypatch.setattr("infer.sandbox.cuda_diagnosis._CASES", {"none": ()})

    (case,) = cuda_by_layer()

    assert case["cuinit"] is None
    assert "libcuda.so.1 cannot be loaded" in case["error"]


@pytest.fixture
def on_cuda(tmp_path, fake_artifact):
    def make(name="artifact"):
        return WorkerProcess(
            open_artifact(fake_artifact(tmp_path, name, contents=b"damaged")),
            device="cuda",
            threads=1,
            scratch=tmp_path / "scratch",
            log=tmp_path / "log",
            timeout_s=60,
        )

    return make


def test_the_driver_is_started_once_before_the_workers(with_driver, on_cuda, monkeypatch):
    commands = []
    real = cuda_driver_start.answer_of
    monkeypatch.setattr(
        cuda_driver_start,
        "answer_of",
        lambda command, *a, **k: (commands.append(command), real(command, *a, **k))[1],
    )
    for name in ("one", "two"):
        with on_cuda(name) as process:
            answer = process.start()
        assert answer["cuda"]["cuinit"] == 0
        assert answer["cuda"]["version"] == "13.0"

    # Modules may be compiled meanwhile, which is another process.
    assert sum("sandbox.cuda_driver_start" in command for command in commands) == 1


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ("has no card", r"cuInit returned 100 \(CUDA_ERROR_NO_DEVICE\)"),
        ("crashes", "its process was ended by SIGSEGV"),
    ],
)
def test_a_driver_that_does_not_start_is_named_before_what_the_runtime_says(
    with_driver, on_cuda, wish, line
):
    with_driver.setenv("CUDA_STAND_IN", wish)
    with on_cuda() as process:
        process.start()
        with pytest.raises(Failure, match=rf"^the CUDA driver does not start .*: {line}; the "):
            process.ask(messages.Load())


@pytest.mark.usefixtures("refusing_filter")
def test_a_sandbox_that_keeps_cuda_from_starting_is_named_too(on_cuda):
    with on_cuda() as process:
        process.start()
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())

    reason = caught.value.reason
    assert reason.startswith(
        "the CUDA driver starts on this machine, but not in the sandbox: cuInit"
    )
    assert "304 (CUDA_ERROR_OPERATING_SYSTEM); EXPORTBENCH_ISOLATION=off measures " in reason


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.UNSUPPORTED,  # as JAX, which "sees no GPU" then
        Outcome.LOAD_ERROR,  # as AOTInductor
        Outcome.CRASH,
    ],
)
def test_a_full_card_is_not_blamed_on_the_artifact_or_the_sandbox(with_driver, on_cuda, outcome):
    with on_cuda() as process:
        process.start()
        with_driver.setitem(process._environment, "CUDA_STAND_IN", "has no memory")
        with_driver.setattr(process, "_ask", Mock(side_effect=Failure(outcome, "it sees no GPU")))
        with pytest.raises(Failure, match=r"CUDA_ERROR_OUT_OF_MEMORY.*it sees no GPU") as caught:
            process.ask(messages.Load())
        assert caught.value.outcome == Outcome.OUT_OF_MEMORY
        assert "sandbox either" in caught.value.reason

        # Nor is it remembered: the memory comes back.
        with_driver.setitem(process._environment, "CUDA_STAND_IN", "")
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())
        assert caught.value.reason == "it sees no GPU"


def test_where_cuda_starts_a_failure_is_the_runtimes_own(with_driver, on_cuda):
    with on_cuda() as process:
        process.start()
        with pytest.raises(Failure) as caught:
            process.ask(messages.Load())

    assert "CUDA" not in caught.value.reason


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ("", "sees no GPU"),
        ("has no card", "the CUDA driver does not start on this machine, with all rights either: "),
    ],
)
def test_a_runtime_that_cannot_use_the_card_is_not_blamed_for_the_driver(
    with_driver, on_cuda, wish, problem
):
    with_driver.setenv("CUDA_STAND_IN", wish)
    with on_cuda() as process:
        process.start()
        with_driver.setattr(process, "ask", lambda action: {"problem": "sees no GPU"})
        assert process.has_cuda().startswith(problem)
        with_driver.setattr(process, "ask", lambda action: {"problem": None})
        assert process.has_cuda() is None
