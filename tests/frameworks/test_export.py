"""The exporters: what is chosen, what is checked, what is left behind."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import FORMATS, ROOT, Exported, Trained

import export.__main__ as command_line
from export import build as build_module
from export.build import Built, ExportError, build
from export.evaluation import Evaluation, write_evaluation
from export.exporters import EXPORTERS, choose
from export.weight_sources import Source, best, find_sources, own_training, read_source
from infer.artifacts.artifact import open_artifact
from infer.artifacts.discovery import discover
from infer.artifacts.integrity import check_files
from infer.formats.protobuf import Message
from infer.runtimes.registry import RUNTIMES
from train import synthetic
from train.data import Dataset, Split
from train.record import write_record
from train.weights import WeightsError, load_weights, save_weights, shapes

pytest_plugins = ("frameworks",)

ALL = (
    "saved-model",
    "torchscript",
    "torch-export",
    "aotinductor",
    "jax-export",
    "jax2tf",
    "onnx-keras",
    "onnx-torch",
    "onnx-jax",
)
OF_TORCH = ("torchscript", "torch-export", "aotinductor", "onnx-torch")


# The registry


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (["all"], list(ALL)),
        (["onnx"], ["onnx-keras", "onnx-torch", "onnx-jax"]),
        (["jax2tf"], ["jax2tf"]),
        (["jax-export"], ["jax-export"]),
        (["saved-model"], ["saved-model"]),
        (["onnx-jax", "onnx"], ["onnx-jax", "onnx-keras", "onnx-torch"]),
        (["torchscript", "all", "onnx"], ["torchscript", *[n for n in ALL if n != "torchscript"]]),
        (["torchscript", "torchscript"], ["torchscript"]),
    ],
)
def test_formats_are_chosen_by_name(asked: list[str], chosen: list[str]) -> None:
    assert choose(asked) == chosen


@pytest.mark.parametrize("name", ["jax", "saved", "torch", "onnx-", "tflite", "ONNX", ""])
def test_an_unknown_format_is_named_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValueError, match="unknown format") as error:
        choose(["torchscript", name])
    assert repr(name) in str(error.value)
    for known in ("all", "onnx", *ALL):
        assert known in str(error.value)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (["installed"], ["torchscript", "torch-export", "onnx-torch"]),
        (["jax-export", "installed"], ["jax-export", "torchscript", "torch-export", "onnx-torch"]),
        (["torchscript"], ["torchscript"]),
        (["aotinductor"], ["aotinductor"]),  # what is named fails by name
        (["all"], [name for name in ALL if name != "aotinductor"]),
    ],
)
def test_formats_that_cannot_be_made_here_are_left_out_by_name(
    asked: list[str],
    chosen: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a machine with PyTorch alone, and no compiler."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    look = build_module.python_with

    def only_torch(packages: Any) -> str | None:
        return None if {"tensorflow", "jax"} & {*packages} else look(["numpy"])

    monkeypatch.setattr(build_module, "python_with", only_torch)
    assert command_line._available_formats(asked, "cpu") == chosen
    printed = capsys.readouterr().err
    assert ("aotinductor is left out" in printed) == (asked[-1] in ("installed", "all"))
    assert ("saved-model is left out: tensorflow" in printed) == ("installed" in asked)


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_registry_fits_the_code(name: str) -> None:
    exporter = EXPORTERS[name]
    assert exporter.format in RUNTIMES
    assert (ROOT / "export" / f"{exporter.module}.py").is_file()
    assert exporter.framework in ("keras", "torch", "flax")


def test_each_framework_has_one_native_format() -> None:
    native = sorted(each.framework for each in EXPORTERS.values() if each.native)
    assert native == ["flax", "keras", "torch"]


# Weights at hand


def _source(name: str = "w", **record: Any) -> Source:
    return Source(Path(f"{name}.safetensors"), {}, name, record)


def _trained_source(
    name: str, framework: str, accuracies: list[float], best_epoch: int, dataset: str = "bloodmnist"
) -> Source:
    return _source(
        name,
        framework=framework,
        dataset={"name": dataset},
        history=[{"val_accuracy": accuracy} for accuracy in accuracies],
        best_epoch=best_epoch,
        test_metrics={"accuracy": 1 - accuracies[0]},
    )


def test_the_best_weights_are_those_of_the_highest_validation_accuracy_that_was_kept() -> None:
    higher = _trained_source("one", "torch", [0.2, 0.8, 0.7], 2)
    lower = _trained_source("two", "flax", [0.9, 0.1], 2)
    assert higher.val_accuracy == 0.8
    assert best([lower, higher]) is higher


def test_weights_of_real_data_come_before_those_of_synthetic_images() -> None:
    real = _trained_source("real", "torch", [0.1], 1)
    drawn = _trained_source("drawn", "torch", [1.0], 1, "synthetic")
    assert best([drawn, real]) is real
    assert best([drawn]) is drawn


def test_each_framework_has_its_own_best() -> None:
    sources = [
        _trained_source("t1", "torch", [0.5], 1),
        _trained_source("t2", "torch", [0.6], 1),
        _trained_source("k", "keras", [0.1], 1),
        _source("nobody's"),
    ]
    assert [source.name for source in own_training(sources)] == ["k", "t2"]


def test_weights_without_a_record_count_as_unknown(tmp_path: Path) -> None:
    path = _save(tmp_path / "w.safetensors", 0)
    source = read_source(path)
    assert (source.framework, source.size, source.dataset, source.val_accuracy) == (
        None,
        28,
        "bloodmnist",
        0,
    )


def test_weights_that_are_not_those_of_their_record_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _save(tmp_path / "w.safetensors", 0, framework="torch")
    assert find_sources(tmp_path)[0].framework == "torch"
    record = path.with_suffix(".json").read_text()
    _save(path, 1)
    path.with_suffix(".json").write_text(record)
    with pytest.raises(WeightsError, match="altered") as error:
        read_source(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("damage", ["altered", "truncated"])
def test_damaged_weights_at_hand_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    whole = _save(tmp_path / "whole.safetensors", 0)
    damaged = _save(tmp_path / "damaged.safetensors", 1, framework="torch")
    if damage == "altered":
        shutil.copy(whole, damaged)
    else:
        damaged.write_bytes(damaged.read_bytes()[:-9])
    assert [source.path for source in find_sources(tmp_path)] == [whole]
    (line,) = capsys.readouterr().err.splitlines()
    assert str(damaged) in line


def _save(path: Path, seed: int, **record: Any) -> Path:
    random = np.random.default_rng(seed)
    # Small, since the network multiplies them fifteen times.
    weights = {
        name: 0.1 * random.standard_normal(shape).astype(np.float32)
        for name, shape in shapes().items()
    }
    weights |= {name: np.abs(a) + np.float32(0.5) for name, a in weights.items() if "var" in name}
    sha256 = save_weights(path, weights)
    if record:
        write_record(path, record | {"weights": {"file": path.name, "sha256": sha256}})
    return path


class _Jobs:
    """Notes what the command line would export, in a folder of its own with little data."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[Path, str]] = []
        self.folders: list[Path] = []
        monkeypatch.chdir(folder)
        monkeypatch.setattr(command_line, "build", self._build)
        monkeypatch.setattr(command_line, "load_dataset", self._data)

    def _data(self, name: str, *, size: int = 28, root: Path | None = None) -> Dataset:
        split = Split(*synthetic.draw(8, size, 0))
        return Dataset(name, size, synthetic.CLASS_NAMES, split, split, split)

    def _build(
        self, source: Source, name: str, out: Path, evaluation: Evaluation, device: str
    ) -> Built:
        self.done.append((source.path, name))
        # Where build() puts it.
        self.folders.append(out / source.name / name)
        return Built(self.folders[-1], 0.0)

    def weights(self, folder: str, name: str, framework: str, accuracy: float, seed: int) -> Path:
        return _save(
            Path(f"artifacts/{folder}/{name}.safetensors"),
            seed,
            framework=framework,
            dataset={"name": "bloodmnist"},
            history=[{"val_accuracy": accuracy}],
            best_epoch=1,
        )


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Jobs:
    return _Jobs(tmp_path, monkeypatch)


def test_without_weights_the_command_says_how_to_get_some(
    jobs: _Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main([]) == 2
    assert not jobs.done
    (line,) = capsys.readouterr().err.splitlines()
    assert "python -m train" in line


def test_the_best_weights_go_to_all_formats_and_each_frameworks_own_to_its_own(
    jobs: _Jobs,
) -> None:
    torch = jobs.weights("weights", "torch-quick", "torch", 0.7, 1)
    keras = jobs.weights("weights", "keras-quick", "keras", 0.6, 2)
    given = jobs.weights("pretrained", "flax-paper", "flax", 0.9, 3)
    assert command_line.main([]) == 0
    expected = {(given, name) for name in ALL}
    expected |= {(torch, name) for name in OF_TORCH}
    expected |= {(keras, name) for name in ("saved-model", "onnx-keras")}
    assert set(jobs.done) == expected
    assert len(jobs.done) == len(expected)


@pytest.mark.parametrize(("comparison", "count"), [("same", 9), ("own", 4), ("both", 9)])
def test_one_comparison_can_be_asked_for(jobs: _Jobs, comparison: str, count: int) -> None:
    jobs.weights("weights", "torch-quick", "torch", 0.7, 1)
    assert command_line.main(["--comparison", comparison]) == 0
    assert len(set(jobs.done)) == len(jobs.done) == count


def test_named_weights_go_to_the_formats_asked_for(jobs: _Jobs) -> None:
    first = jobs.weights("weights", "one", "torch", 0.7, 1)
    second = jobs.weights("weights", "two", "torch", 0.7, 2)
    arguments = [str(first), str(second), "--format", "onnx-jax", "--format", "torchscript"]
    assert command_line.main(arguments) == 0
    assert set(jobs.done) == {(w, f) for w in (first, second) for f in ("onnx-jax", "torchscript")}


def test_weights_that_are_named_twice_are_exported_once(jobs: _Jobs) -> None:
    path = jobs.weights("weights", "w", "torch", 0.7, 1)
    assert command_line.main([str(path), str(path)]) == 0
    assert len(set(jobs.folders)) == len(jobs.folders) == len(ALL)


@pytest.mark.parametrize("named", [False, True])
def test_weights_of_the_same_name_do_not_overwrite_each_other(
    jobs: _Jobs, named: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a repeated training and the pretrained weights that came with the project."""
    mine = jobs.weights("weights", "torch-paper-28-seed0", "torch", 0.7, 1)
    given = jobs.weights("pretrained", "torch-paper-28-seed0", "torch", 0.9, 2)
    status = command_line.main([str(mine), str(given)] if named else [])
    if status == 2:  # one line that says so would do as well
        assert not jobs.done
        assert "torch-paper-28-seed0" in capsys.readouterr().err
        return
    assert status == 0
    assert len(set(jobs.folders)) == len(jobs.done)


@pytest.mark.parametrize("case", ["missing", "truncated", "unknown format"])
def test_wrong_usage_is_one_line(
    tmp_path: Path, jobs: _Jobs, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    path = tmp_path / "w.safetensors"
    if case != "missing":
        _save(path, 0)
    if case == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    arguments = [str(path)] + (["--format", "tflite"] if case == "unknown format" else [])
    assert command_line.main(arguments) == 2
    assert not jobs.done
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert ("'tflite'" if case == "unknown format" else str(path)) in line


# Building


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    split = Split(*synthetic.draw(130, 28, 41))
    data = Dataset("small", 28, synthetic.CLASS_NAMES, split, split, split, "a notice")
    return write_evaluation(data, tmp_path_factory.mktemp("evaluation") / "inputs")


def test_the_evaluation_file_is_the_test_split_and_the_same_every_time(
    tmp_path: Path, evaluation: Evaluation
) -> None:
    split = Split(*synthetic.draw(130, 28, 41))
    with np.load(evaluation.path) as arrays:
        assert set(arrays.files) == {"image", "labels"}
        np.testing.assert_array_equal(arrays["image"], split.images)
        np.testing.assert_array_equal(arrays["labels"], split.labels)
        assert arrays["image"].dtype == np.uint8
    data = Dataset("small", 28, synthetic.CLASS_NAMES, split, split, split)
    again = write_evaluation(data, tmp_path)
    assert again.sha256 == evaluation.sha256 == _sha256(again.path)
    assert [file.name for file in tmp_path.iterdir()] == ["small-28-test.npz"]
    images = evaluation.images(3)
    assert (images.dtype, images.shape) == (np.float32, (3, 28, 28, 3))
    np.testing.assert_allclose(images * 255, split.images[:3], atol=1e-4)


@pytest.mark.parametrize(("name", "package"), [(n, p) for n in ALL for p in EXPORTERS[n].needs])
def test_a_framework_that_is_missing_is_named_with_the_remedy(
    tmp_path: Path,
    evaluation: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    package: str,
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *rest: None if wanted == package else find_spec(wanted, *rest),
    )
    with pytest.raises(ExportError, match=f"{package} is not installed: pip install") as error:
        build(_source(), name, tmp_path, evaluation)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_framework_leaves_the_other_formats_to_be_exported(
    jobs: _Jobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = jobs.weights("weights", "w", "torch", 0.7, 1)
    export = jobs._build

    def without_jax(source: Source, name: str, *rest: Any) -> Built:
        if EXPORTERS[name].framework == "flax":
            raise ExportError("jax is not installed: pip install '.[train,jax]'")
        return export(source, name, *rest)

    monkeypatch.setattr(command_line, "build", without_jax)
    assert command_line.main([str(path)]) == 3
    assert {name for _, name in jobs.done} == set(ALL) - {"jax-export", "jax2tf", "onnx-jax"}
    lines = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
    assert len(lines) == 3
    assert all("pip install '.[train,jax]'" in line for line in lines)


class _OtherExporter:
    """In place of an exporter's process: writes what the test says, and what it predicts.

    It starts from an artifact that is right; `spoil` changes the folder's files.
    """

    def __init__(self, good: Path, predicted: np.ndarray, images: np.ndarray) -> None:
        self.good, self.predicted, self.images = good, predicted, images
        self.spoil: Callable[[Path], None] = lambda folder: None
        self.end = (0, "")

    def __call__(self, arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        job = json.loads(Path(arguments[-1]).read_text())
        folder = Path(job["folder"])
        shutil.copy(self.good, folder / self.good.name)
        for batch in (1, 7, 128):
            np.savez(
                folder / f"check-{batch}.npz",
                image=self.images[:batch],
                probabilities=self.predicted[:batch],
            )
        result = {"warnings": ["UserWarning: hm"], "producer": {"someone": "1"}}
        (folder / "result.json").write_text(json.dumps(result))
        self.spoil(folder)
        status, error = self.end
        if status == "hang":
            raise subprocess.TimeoutExpired(arguments, options["timeout"])
        return subprocess.CompletedProcess(arguments, status, "", error)


@pytest.fixture(scope="module")
def right(
    exported: Exported, evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, np.ndarray, np.ndarray]:
    """A payload, images and what the payload predicts for them."""
    payload = exported.folder / "onnx-torch" / "model.onnx"
    images = evaluation.images(128)
    logits = tmp_path_factory.mktemp("right") / "found.npy"
    np.save(logits.with_name("images.npy"), images)
    script = (
        "import sys, numpy as np, onnxruntime as ort\n"
        "session = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "np.save(sys.argv[3], session.run(None, {'image': np.load(sys.argv[2])})[0])\n"
    )
    arguments = [sys.executable, "-c", script, payload, logits.with_name("images.npy"), logits]
    subprocess.run(list(map(str, arguments)), check=True, timeout=300)
    return payload, np.load(logits), images


@pytest.fixture
def other_exporter(
    right: tuple[Path, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> _OtherExporter:
    payload, predicted, images = right
    other = _OtherExporter(payload, predicted, images)
    monkeypatch.setattr(build_module.subprocess, "run", other)
    return other


def test_an_export_that_predicts_the_same_is_put_in_place(
    tmp_path: Path, settled: Path, evaluation: Evaluation, other_exporter: _OtherExporter
) -> None:
    """The next tests spoil this one."""
    source = read_source(settled)
    for _ in range(2):  # the second time in place of the first
        built = build(source, "onnx-torch", tmp_path, evaluation)
        assert built.folder == tmp_path / source.name / "onnx-torch"
        assert built.largest_difference < 1e-6
        assert {file.name for file in built.folder.iterdir()} == {"model.onnx", "manifest.json"}
        assert [file.name for file in built.folder.parent.iterdir()] == ["onnx-torch"]
    manifest = json.loads((built.folder / "manifest.json").read_text())
    assert manifest["warnings"] == ["UserWarning: hm"]
    assert manifest["producer"] == {"someone": "1"}
    assert "a notice" in manifest["notices"]
    assert set(manifest["verified"]["differences"]) == {"1", "7", "128"}


def _predict_otherwise(batch: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / f"check-{batch}.npz"
        with np.load(path) as arrays:
            image, probabilities = arrays["image"], arrays["probabilities"]
        probabilities[-1, 3] += np.float32(2e-3)
        np.savez(path, image=image, probabilities=probabilities)

    return spoil


def _garbage(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a model")


def _no_payload(folder: Path) -> None:
    (folder / "model.onnx").unlink()


@pytest.mark.parametrize(
    ("spoil", "end", "reasons"),
    [
        (_predict_otherwise(1), (0, ""), ["at batch 1 ", "0.002"]),
        (_predict_otherwise(128), (0, ""), ["at batch 128 ", "0.002"]),
        (_garbage, (0, ""), ["does not work when loaded", "load_error"]),
        (_no_payload, (0, ""), ["wrote no model.onnx"]),
        (None, (1, "Traceback\n  ...\nValueError: no such layer\n"), ["ValueError: no such layer"]),
        (None, (-9, ""), ["-9"]),
        (None, ("hang", ""), ["no end after"]),
    ],
)
def test_an_export_that_fails_leaves_no_artifact_and_says_why(
    tmp_path: Path,
    settled: Path,
    evaluation: Evaluation,
    other_exporter: _OtherExporter,
    spoil: Callable[[Path], None] | None,
    end: tuple[Any, str],
    reasons: list[str],
) -> None:
    earlier = tmp_path / settled.stem / "onnx-torch"
    earlier.mkdir(parents=True)
    (earlier / "manifest.json").write_text("of an earlier export")
    other_exporter.spoil = spoil or other_exporter.spoil
    other_exporter.end = end
    with pytest.raises(ExportError) as error:
        build(read_source(settled), "onnx-torch", tmp_path, evaluation)
    for reason in reasons:
        assert reason in str(error.value)
    assert "\n" not in str(error.value)
    # What was there before stays, and nothing comes beside it.
    assert [file.name for file in earlier.parent.iterdir()] == ["onnx-torch"]
    assert (earlier / "manifest.json").read_text() == "of an earlier export"


def test_a_real_exporter_that_fails_is_one_line(
    tmp_path: Path, settled: Path, evaluation: Evaluation
) -> None:
    """The weights are gone when the exporter's process comes to read them."""
    path = tmp_path / "gone.safetensors"
    source = Source(path, *load_weights(settled), {})
    with pytest.raises(ExportError) as error:
        build(source, "torchscript", tmp_path / "out", evaluation)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").rglob("*torchscript*"))


# All artifacts, by the command


def test_all_formats_are_exported_and_nothing_else(exported: Exported) -> None:
    assert {path.name for path in discover(exported.out)} == set(FORMATS)
    assert {path.name for path in exported.folder.iterdir()} == set(FORMATS)
    for name in FORMATS:
        files = {path.name for path in (exported.folder / name).iterdir()}
        assert files == {"manifest.json", EXPORTERS[name].payload}


def test_the_terminal_shows_a_line_a_format_and_no_exporters_noise(exported: Exported) -> None:
    assert exported.done.stdout == ""
    left_out, notice, *lines = exported.done.stderr.splitlines()
    assert left_out.startswith("aotinductor is left out: ")
    assert notice.startswith("*** SYNTHETIC DATA")
    assert len(lines) == len(FORMATS)
    for number, line in enumerate(lines, 1):
        assert line.startswith(f"[{number}/{len(FORMATS)}] "), line
        assert str(exported.folder) in line
        assert "differs from the framework's own prediction by at most" in line


@pytest.mark.parametrize("name", FORMATS)
def test_the_manifest_says_what_the_artifact_is(
    exported: Exported, settled: Path, trained: Trained, name: str
) -> None:
    manifest, exporter = exported.manifest(name), EXPORTERS[name]
    assert manifest["manifest_version"] == 1
    assert manifest["name"] == name
    for key in ("format", "framework", "native", "payload"):
        assert manifest[key] == getattr(exporter, key), key
    # jax.export's may too: they call what is registered in jaxlib.
    assert manifest["executes_code"] == (exporter.format != "onnx")
    assert manifest["signature"] == {
        "inputs": [
            {
                "name": "image",
                "shape": ["batch", 28, 28, 3],
                "dtype": "float32",
                "range": [0.0, 1.0],
            }
        ],
        "outputs": [
            {
                "name": "probabilities",
                "shape": ["batch", 8],
                "dtype": "float32",
                "range": [0.0, 1.0],
            }
        ],
    }
    assert manifest["precision"] == "float32"
    assert manifest["weights"] == {
        "name": settled.stem,
        "sha256": _sha256(settled),
        "framework": "torch",
        "profile": trained.record("torch")["recipe"]["profile"],
        "dataset": "synthetic",
    }
    assert set(manifest["producer"]) == set(exporter.distributions)
    assert all(manifest["producer"].values())
    assert manifest["classes"] == list(synthetic.CLASS_NAMES)
    assert any("SYNTHETIC" in notice for notice in manifest["notices"])


@pytest.mark.parametrize("name", FORMATS)
def test_every_file_of_an_artifact_is_hashed(exported: Exported, name: str) -> None:
    folder = exported.folder / name
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": _sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert exported.manifest(name)["files"] == files
    check_files(open_artifact(folder))


@pytest.mark.parametrize("name", FORMATS)
def test_every_artifact_was_checked_at_several_batches(exported: Exported, name: str) -> None:
    verified = exported.manifest(name)["verified"]
    assert set(verified["differences"]) == {"1", "7", "128"}
    assert verified["tolerance"] == 1e-4
    assert 0 <= max(verified["differences"].values()) < 1e-5


@pytest.mark.parametrize("name", FORMATS)
def test_the_manifest_leads_to_the_evaluation_file(exported: Exported, name: str) -> None:
    stated = exported.manifest(name)["evaluation"]
    path = exported.folder / name / stated["file"]
    assert not Path(stated["file"]).is_absolute()
    assert path.resolve().parent == exported.out.parent.resolve() / "inputs"
    assert _sha256(path) == stated["sha256"]
    with np.load(path) as arrays:
        assert arrays["image"].shape == (1024, 28, 28, 3)


@pytest.mark.parametrize("name", FORMATS)
def test_only_jax_export_expires(exported: Exported, name: str) -> None:
    manifest = exported.manifest(name)
    if name != "jax-export":
        assert manifest["expires"] is None
        return
    made, end = (datetime.fromisoformat(manifest[key]) for key in ("created", "expires"))
    assert timedelta(days=170) < end - made < timedelta(days=190)
    assert made.tzinfo is not None
    assert end.tzinfo is not None


def test_the_manifest_of_torchscript_has_the_deprecation(exported: Exported) -> None:
    warnings = exported.manifest("torchscript")["warnings"]
    assert any("deprecated" in warning for warning in warnings), warnings
    for name in FORMATS:
        assert all("\n" not in warning for warning in exported.manifest(name)["warnings"])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_products_of_jax_ask_for_float32_in_what_is_exported(exported: Exported) -> None:
    pytest.importorskip("jax")
    from jax import export

    from infer.runtimes.jax_precision import products_of

    payload = exported.folder / "jax-export" / "model.jax"
    program = export.deserialize(bytearray(payload.read_bytes()))
    assert program.platforms == ("cpu", "cuda")
    lines = [line for line in program.mlir_module().splitlines() if " stablehlo." in line]
    for kind in ("convolution", "dot_general"):
        products = [line for line in lines if f"stablehlo.{kind}" in line]
        assert products and all(line.count("HIGHEST") == 2 for line in products)
    modules = [program.mlir_module_serialized, *_xla_modules(exported.folder / "jax2tf")]
    assert len(modules) > 1
    assert {products_of(module).asks for module in modules} == {"highest"}


def _xla_modules(artifact: Path) -> list[bytes]:
    """What the operators XlaCallModule of a SavedModel run (saved_model.proto, graph.proto)."""
    file = Message(memoryview((artifact / "saved_model" / "saved_model.pb").read_bytes()))
    library = file.message(2).message(2).message(2)
    nodes = [node for function in library.messages(1) for node in function.messages(3)]
    attributes = [
        attribute
        for node in nodes
        if node.string(2) == "XlaCallModule"
        for attribute in node.messages(5)
        if attribute.string(1) == "module"
    ]
    return [bytes(attribute.message(2).raw(2)[0]) for attribute in attributes]
