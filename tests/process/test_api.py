"""The functions for programs."""

import gc
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, environment
from runs import SOON_S, alive, wait_until

import infer
from infer.artifacts.manifest import EvaluationInputs
from infer.errors import ArtifactError, InputError, UsageError
from infer.outcome import Failure

SMALL = {
    "inputs": "inputs.npz",
    "device": "cpu",
    "threads": 1,
    "batch": 4,
    "scenario": ["single"],
    "turns": 2,
    "burst": 0.01,
    "out": "runs",
}
IMAGES = np.linspace(0, 1, 5 * 48, dtype=np.float32).reshape(5, 4, 4, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch, fake_artifact, inputs_file):
    inputs_file(tmp_path / "inputs.npz")
    fake_artifact(tmp_path / "exported", "m")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_is_loaded_and_run_in_a_process_that_ends(folder):
    with infer.load("exported/m", threads=1) as model:
        assert [spec.name for spec in model.signature.inputs] == ["image"]
        outputs = model.run({"image": IMAGES})
        assert np.array_equal(model.run(IMAGES)["probabilities"], outputs["probabilities"])
        assert outputs["probabilities"].shape == (5, 3)
        pid = model._worker.pid
        assert alive(pid)
    wait_until(lambda: not alive(pid), SOON_S)
    with pytest.raises(UsageError, match="closed"):
        model.run(IMAGES)


def test_a_model_outlives_the_thread_that_loaded_it(folder):
    with ThreadPoolExecutor(1) as loader:
        model = loader.submit(infer.load, "exported/m", threads=1).result()
    with model:
        assert model.run(IMAGES)["probabilities"].shape == (5, 3)


def test_a_model_that_is_forgotten_leaves_no_process(folder):
    model = infer.load("exported/m", threads=1)
    pid = model._worker.pid
    del model
    gc.collect()
    wait_until(lambda: not alive(pid), SOON_S)


def test_inputs_that_do_not_fit_are_one_line_and_the_next_call_works(folder):
    with infer.load("exported/m", threads=1) as model:
        for wrong in (IMAGES.astype(np.int64), IMAGES[:, :2], np.array([{}])):
            with pytest.raises(InputError) as error:
                model.run({"image": wrong})
            assert "\n" not in str(error.value)
            assert "/tmp" not in str(error.value)
        assert model.run(IMAGES)["probabilities"].shape == (5, 3)


def test_what_fails_says_how(folder, fake_artifact):
    with pytest.raises(ArtifactError, match="nowhere"):
        infer.load("nowhere")
    fake_artifact(folder, "crashes", fault={"at": "run", "kind": "crash"})
    with infer.load("crashes", threads=1) as model:
        for _ in range(2):
            with pytest.raises(Failure, match="SIGSEGV"):
                model.run(IMAGES)


def test_a_run_and_a_gate(folder, fake_artifact):
    summary = infer.run(["exported/m"], **SMALL)
    assert [row.outcome for row in summary.rows] == ["ok"]
    options = SMALL | {"budget": "1s"}
    assert infer.gate("exported", baseline="b.json", update=True, **options).verdict == "passed"
    (folder / "exported").rename(folder / "former")
    fake_artifact(folder / "exported", "m", bias=0.4)
    margins = {"latency": "off", "size": "50%"}
    result = infer.gate("exported", baseline="b.json", against="former", margins=margins, **options)
    assert result.verdict == "failed"
    assert {check.name for check in result.checks if check.verdict == "failed"} == {"parity"}
    with pytest.raises(UsageError, match=r"^reference='x': choose one of m$"):
        infer.run("exported", **SMALL, reference="x")
    with pytest.raises(UsageError, match=r"^against='nowhere': there is no such"):
        infer.gate("exported", baseline="b.json", against="nowhere", **options)
    with pytest.raises(UsageError, match="'speed'"):
        infer.run("exported", speed=3)
    with pytest.raises(UsageError, match="latency"):
        infer.gate("exported", baseline="b.json", margins={"latency": "fast"})


def test_what_is_to_be_known_of_inputs_is_said_where_a_run_has_them(
    folder, fake_artifact, inputs_file
):
    sha256 = hashlib.sha256((folder / "inputs.npz").read_bytes()).hexdigest()
    stated = EvaluationInputs("../../inputs.npz", sha256, "DRAWINGS: no blood cells.")
    artifact = fake_artifact(folder / "others", "n", manifest={"evaluation": stated})
    inputs_file(folder / "other.npz", image=np.ones((10, 4, 4, 3), np.float32))

    for inputs, shown in ((None, True), ("inputs.npz", True), ("other.npz", False)):
        notices = infer.run([artifact], **SMALL | {"inputs": inputs}).notices
        assert (stated.notice in notices) == shown, inputs


def test_outputs_are_compared():
    same = infer.compare(IMAGES, IMAGES)
    assert same["passed"]
    other = infer.compare({"y": IMAGES + np.float32(0.1)}, {"y": IMAGES}, tolerance=0.05)
    assert not other["passed"]
    assert other["largest_difference"] == pytest.approx(0.1)


def test_the_package_stays_light_until_it_is_used(tmp_path):
    code = (
        "import sys, infer; assert not {'numpy', 'infer.api'} & sys.modules.keys(); "
        "assert callable(infer.gate) and 'gate' in dir(infer); import infer.cli.main; "
        "assert callable(infer.gate) and callable(infer.run)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), cwd=tmp_path)
    with pytest.raises(AttributeError, match="nothing"):
        infer.nothing  # noqa: B018


def test_the_example_in_the_docs_runs(folder, installed):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    assert blocks
    pytest.importorskip("onnx", reason="the example is an ONNX file")
    pytest.importorskip("onnxruntime", reason="the example is an ONNX file")
    example = ROOT / "examples" / "gate"
    subprocess.run([sys.executable, example / "make_model.py"], cwd=folder, check=True)
    shutil.copy(example / "test.npz", folder)
    (folder / "former").mkdir()
    for path in (folder / "model.onnx", folder / "former" / "model.onnx"):
        shutil.copy(folder / "exported" / "digits.onnx", path)
    for block in blocks:
        subprocess.run(
            [sys.executable, "-c", block.replace('"1m"', '"1s"')],
            cwd=folder,
            env=environment(installed),
            check=True,
            timeout=120,
        )


@pytest.mark.parametrize(
    "options",
    [
        {"scenario": ["sing"]},
        {"scenario": "sing"},
        {"protocol": "slow"},
        {"budget": "soon"},
        {"bogus": 1},
        {"timeout": "5q"},
        {"tolerance": "x"},
        {"inputs": {"image": np.zeros(3)}},
        {"batch": 0},
        {"batch": -5},
        {"batch": [1, 2]},
        {"threads": 0},
        {"device": "abacus"},
    ],
    ids=str,
)
def test_an_option_that_is_none_is_refused_by_name(tmp_path, fake_artifact, inputs_file, options):
    artifact = fake_artifact(tmp_path, "a")
    given = {"inputs": inputs_file(tmp_path / "inputs.npz"), "out": tmp_path / "runs"} | options
    with pytest.raises(UsageError, match=next(iter(options))):
        infer.run(artifact, **given)
    assert not (tmp_path / "runs").exists()


def test_the_log_that_an_error_names_is_there_and_says_where_the_process_was(
    tmp_path, fake_artifact, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    folder = fake_artifact(tmp_path, "a", fault={"kind": "crash", "at": "load"})

    with pytest.raises(Failure) as caught:
        infer.load(folder)

    log = Path(re.search(r"log: (.*\.log)", caught.value.reason)[1])
    assert "Segmentation fault" in log.read_text()
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == [log.name]


def test_a_loaded_artifact_leaves_nothing_behind(tmp_path, fake_artifact, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    with infer.load(fake_artifact(tmp_path, "a")):
        assert list((tmp_path / "temporary").iterdir())

    assert not list((tmp_path / "temporary").iterdir())
