"""Packages of AOTInductor: read without loading, run in the sandbox, refused in a line.

One small module, compiled once, stands for them all.
"""

from __future__ import annotations

import json
import platform
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import infer
from export import compiling
from infer.artifacts.artifact import open_artifact
from infer.cli.inspect import inspect
from infer.errors import ArtifactError
from infer.formats.aotinductor import reader as aotinductor
from infer.sandbox import artifact_reader
from infer.tensors.output_files import read_call
from infer.testing import Sample, problems
from infer.variant import Variant
from infer.worker import messages
from infer.worker.client import WorkerProcess

pytest_plugins = ("third_party_fixtures",)
pytestmark = pytest.mark.skipif(compiling.compiler() is None, reason="needs a C++ compiler")

RANDOM = np.random.default_rng(0)
INPUTS = {
    "input_0": RANDOM.random((6, 4), dtype=np.float32),
    "input_1": RANDOM.random((6, 2, 3, 3), dtype=np.float32),
}
FOLDER = "data/aotinductor/model/"


@pytest.fixture(scope="module")
def package(third_party_models: Callable[[str], Path]) -> Path:
    return third_party_models("aotinductor") / "several.pt2"


@pytest.fixture
def altered(package: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the package with other entries: by the end of their names, None to leave one out.

    What no name ends in is added.
    """

    def make(**changes: bytes | None) -> Path:
        left = dict(changes)
        path = tmp_path / "altered.pt2"
        with zipfile.ZipFile(package) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                end = next((end for end in changes if name.endswith(end)), None)
                content = source.read(name) if end is None else changes[end]
                left.pop(end or "", None)
                if content is not None:
                    target.writestr(name, content)
            for name, content in left.items():
                if content is not None:
                    target.writestr(f"several/{name}", content)
        return path

    return make


def metadata(**changes: str) -> dict[str, bytes]:
    stated = {"AOTI_DEVICE_KEY": "cpu", "AOTI_CPU_ISA": "", "AOTI_COMPUTE_CAPABILITY": ""}
    return {"_metadata.json": json.dumps(stated | changes).encode()}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts a process and loads a package in it."""
    started = []

    def start(path: Path, device: str = "cpu", **variant: Any) -> WorkerProcess:
        process = WorkerProcess(
            open_artifact(path),
            device=device,
            threads=1,
            scratch=tmp_path / "worker",
            log=tmp_path / "worker.log",
            timeout_s=300,
            variant=Variant(**variant),
        )
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.__exit__(None, None, None)


def call(process: WorkerProcess, folder: Path, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """The outputs of a call; it can read and write below the worker's folder only."""
    outputs = folder / "worker" / "outputs"
    outputs.mkdir(exist_ok=True)
    file = folder / "worker" / "inputs.npz"
    np.savez(file, **inputs)
    process.ask(messages.Call(path=str(file), outputs=str(outputs)))
    return read_call(outputs)


def test_kernels_without_names_are_no_overhead(
    package: Path, worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    process = worker(package)
    process.ask(messages.Load(profiled=True))
    np.savez(tmp_path / "worker" / "inputs.npz", **INPUTS)
    process.ask(messages.Inputs(str(tmp_path / "worker" / "inputs.npz")))
    profile = process.ask(messages.Profile(batch=6, calls=3))

    assert not profile["names_all"]
    assert "cpp.enable_kernel_profile" in profile["notes"][0]
    assert sum(operator["seconds"] for operator in profile["operators"]) < profile["call_s"]


def test_it_says_what_it_is_without_being_loaded(package: Path) -> None:
    description = inspect(package).describe()
    signature = description["signatures"][""]
    assert (description["format"], description["platforms"]) == ("aotinductor", ("cpu",))
    assert [(spec["name"], spec["dtype"], spec["shape"]) for spec in signature["inputs"]] == [
        ("input_0", "float32", (None, 4)),
        ("input_1", "float32", (None, 2, 3, 3)),
    ]
    assert [spec["name"] for spec in signature["outputs"]] == ["y", "rest.0", "rest.1"]
    assert description["weights"]["float32"] >= 4 * (12 + 1)
    assert description["operators"]["addmm_out"] == 1
    assert "shared library" in description["executes_code"]
    processor, *notes = description["notes"]
    assert processor.startswith("compiled for processors of one kind: ")
    assert notes == [
        "1 of its arguments were fixed at the export",
        "keeps state from call to call",
        "'few' keeps no state: calls write to it, and none reads it",
    ]


def test_a_package_for_a_card_says_which(altered: Callable[..., Path]) -> None:
    stated = metadata(AOTI_DEVICE_KEY="cuda", AOTI_COMPUTE_CAPABILITY="90")
    path = altered(**stated, **{f"{FOLDER}one.cubin": b"kernel"})
    description = inspect(path).describe()
    assert description["platforms"] == ("cuda",)
    assert description["operators"]["kernels (.cubin)"] == 1
    assert "compiled for cards of compute capability 90" in description["notes"]


def test_it_is_run_in_the_sandbox_beside_the_program_that_it_was_compiled_from(
    package: Path,
    altered: Callable[..., Path],
    run_cli: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")  # which takes none to run
    cut = altered(**{".wrapper.so": b"\x7fELF\x02\x01\x01"}).rename(tmp_path / "cut.pt2")
    card = altered(**metadata(AOTI_DEVICE_KEY="cuda")).rename(tmp_path / "card.pt2")
    np.savez(tmp_path / "inputs.npz", **INPUTS)
    arguments = (
        *("run", package.with_name("program.pt2"), package, cut, card, "--inputs", "inputs.npz"),
        *("--batch", 3, "--device", "cpu", "--threads", 1, "--turns", 1, "--burst", "0.01s"),
        *("--scenario", "batch", "--budget", "1s", "--out", "runs", "--json", "out.json"),
        *("--map", "program.pt2:x=input_0", "program.pt2:image=input_1"),
        *("--try", "torch-export:compile=on"),
    )
    refused = run_cli(*arguments, cwd=tmp_path)
    assert refused.returncode == 3
    assert refused.stdout.count("not opened, since loading it can execute code") == 5
    assert "it is a shared library" in refused.stdout

    done = run_cli(*arguments, "--trust", cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    rows = {row["artifact"]: row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    outcomes = {name: row["outcome"] for name, row in rows.items()}
    assert outcomes == {
        "program.pt2": "ok",
        "program.pt2 (compile=on)": "unsupported",
        "several.pt2": "ok",
        "cut.pt2": "load_error",
        "card.pt2": "unsupported",
    }
    assert "compiled for cuda, asked for cpu: use --device cuda" in rows["card.pt2"]["reason"]
    assert "'no-such-compiler' is not here" in rows["program.pt2 (compile=on)"]["reason"]
    assert max(rows[name]["largest_difference"] for name in ("program.pt2", "several.pt2")) < 1e-5
    assert rows["several.pt2"]["placement"]["device"] == "cpu"
    assert not list(tmp_path.rglob("*.so")), "what was unpacked is gone"


def test_it_keeps_the_contract(package: Path, tmp_path: Path) -> None:
    inputs = {name: array[:3] for name, array in INPUTS.items()}

    assert problems(Sample(package, inputs, changing=("rest.1",)), tmp_path) == []


def test_it_keeps_its_state_and_takes_any_batch_and_threads(
    package: Path, worker: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    process = worker(package)
    loaded = process.ask(messages.Load())
    assert "keeps state from call to call" in loaded["notes"]
    pixels = INPUTS["input_1"] * np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    for number, batch in enumerate((6, 1), 1):
        outputs = call(process, tmp_path, {name: a[:batch] for name, a in INPUTS.items()})
        assert outputs["y"].shape == (batch, 3)
        # Given in C's order, where the code was compiled for channels last.
        np.testing.assert_array_equal(outputs["rest.0"], pixels[:batch])
        np.testing.assert_array_equal(outputs["rest.1"], np.full(batch, number, np.float32))


def test_independent_calls_begin_from_the_state_after_loading(package: Path) -> None:
    answers = {}
    for independent in (False, True):
        with infer.load(package, threads=1, trust=True, independent=independent) as model:
            answers[independent] = [float(model.run(INPUTS)["rest.1"][0]) for _ in range(3)]

    assert answers == {False: [1, 2, 3], True: [1, 1, 1]}


@pytest.mark.parametrize(
    ("device", "changes", "reason"),
    [
        ("cuda", {}, "compiled for cpu, asked for cuda: use --device cpu"),
        ("cpu", metadata(AOTI_DEVICE_KEY="cuda"), "compiled for cuda, asked for cpu: use --device"),
        ("cpu", metadata(AOTI_MACHINE="riscv64"), "compiled for riscv64, this machine is x86_64"),
        ("cpu", {".wrapper.so": None}, "holds its code as C++ only, which is never compiled here"),
        ("cpu", {f"{FOLDER}weights_config.json": b"{}"}, "its weights are not in its library"),
        ("cpu", {"data/constants/custom_obj_0": b"\x80\x04."}, "custom objects, which are pickles"),
    ],
)
def test_what_cannot_run_here_is_known_before_its_code_is_loaded(
    altered: Callable[..., Path], device: str, changes: dict[str, bytes | None], reason: str
) -> None:
    with zipfile.ZipFile(altered(**changes)) as archive:
        assert reason in str(aotinductor.unfit(aotinductor.read_package(archive), device, "x86_64"))


def test_a_package_runs_on_the_device_that_is_advised(
    package: Path, altered: Callable[..., Path]
) -> None:
    card = altered(**metadata(AOTI_DEVICE_KEY="cuda"))
    for path, asked, machine in ((package, "cuda", platform.machine()), (card, "cpu", "x86_64")):
        with zipfile.ZipFile(path) as archive:
            read = aotinductor.read_package(archive)
        said = str(aotinductor.unfit(read, asked, machine))
        advised = said.partition("use --device ")[2].partition(",")[0]
        assert aotinductor.unfit(read, advised, machine) is None


def test_a_package_for_this_machine_may_run(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        read = aotinductor.read_package(archive)
    assert aotinductor.unfit(read, "cpu", platform.machine()) is None


def test_what_unpacks_to_more_than_it_can_hold_is_refused(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt2"
    path.write_bytes(package.read_bytes())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"several/{FOLDER}large.bin", bytes(96 << 20))
    with pytest.raises(ArtifactError, match="would unpack to"):
        artifact_reader.describe("aotinductor", path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({f"{FOLDER}../../../../escaped.so": b"x"}, "an archive with the entry"),
        ({f"{FOLDER}below/other.so": b"x"}, "an archive with the entry"),
        ({"data/aotinductor/other/a.so": b"x"}, r"holds several compiled models \(model, other\)"),
        ({"models/model.json": b"{}"}, "an exported program and code that AOTInductor compiled"),
        ({"_metadata.json": None}, "does not say which device"),
        ({"_metadata.json": b"[1"}, "damaged archive"),
        (metadata(AOTI_DEVICE_KEY="abacus"), "does not say which device"),
    ],
)
def test_what_is_not_as_pytorch_writes_it_is_refused(
    altered: Callable[..., Path], changes: dict[str, bytes | None], reason: str
) -> None:
    path = altered(**changes)
    assert open_artifact(path).format == "aotinductor"
    with pytest.raises(ArtifactError, match=reason) as caught:
        artifact_reader.describe("aotinductor", path)
    assert "\n" not in str(caught.value)


def test_a_program_is_compiled_in_the_sandbox_whatever_caches_the_user_has(
    package: Path,
    worker: Callable[..., WorkerProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The user's caches are outside of what a worker may write."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "caches"))
    monkeypatch.setenv("TORCHINDUCTOR_VEC_ISA_OK", "1")
    monkeypatch.setenv("TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS", "0")
    process = worker(package.with_name("program.pt2"), settings={"compile": "on"})
    process.ask(messages.Load())
    inputs = dict(zip(("x", "image"), INPUTS.values(), strict=True))
    outputs = call(process, tmp_path, inputs)
    pixels = inputs["image"] * np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    np.testing.assert_allclose(outputs["rest.0"], pixels, rtol=1e-6)
    assert not (tmp_path / "caches").exists()


@pytest.mark.parametrize(
    ("wanted", "cards", "build", "device"),
    [
        ("auto", ["a card"], True, "cuda"),
        ("auto", ["a card"], False, "cpu"),
        ("auto", [], True, "cpu"),
        ("cpu", ["a card"], True, "cpu"),
        ("cuda", [], False, "cuda"),
    ],
)
def test_the_device_to_compile_for_is_a_card_that_pytorch_can_use(
    monkeypatch: pytest.MonkeyPatch, wanted: str, cards: list[str], build: bool, device: str
) -> None:
    monkeypatch.setattr("infer.exporting.visible", lambda all_cards, variable: cards)
    monkeypatch.setattr("infer.system.interpreters.has_cuda_build", lambda runtime: build)
    assert compiling.device_to_compile_for(wanted) == device


@pytest.mark.parametrize("variable", ["CUDA_HOME", "CUDA_PATH"])
def test_a_package_for_a_card_takes_the_headers_of_the_toolkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Without them PyTorch fails when it compiles, minutes later."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))

    assert "CUDA_HOME" in str(compiling.missing_compiler("aotinductor", "cuda"))
    assert compiling.missing_compiler("aotinductor", "cpu") is None
    assert compiling.missing_compiler("onnx-torch", "cuda") is None

    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "cuda_runtime.h").touch()
    assert compiling.missing_compiler("aotinductor", "cuda") is None
