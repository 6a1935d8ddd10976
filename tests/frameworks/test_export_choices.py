"""What `python -m export` exports: the formats of the registry, and the weights that are there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT
from exports import ALL, made_up_source

import export.__main__ as command_line
from export import build as build_module
from export.build import Built, ExportError
from export.evaluation import Evaluation
from export.exporters import EXPORTERS, choose
from export.weight_sources import Source, best, find_sources, own_training, read_source
from infer.runtimes.registry import RUNTIMES
from train import synthetic
from train.data import Dataset, Split
from train.record import write_record
from train.weights import WeightsError, save_weights, shapes

pytest_plugins = ("export_fixtures",)


OF_TORCH = ("torchscript", "torch-export", "aotinductor", "onnx-torch")


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


def _trained_source(
    name: str, framework: str, accuracies: list[float], best_epoch: int, dataset: str = "bloodmnist"
) -> Source:
    return made_up_source(
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
        made_up_source("nobody's"),
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
