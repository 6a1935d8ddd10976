"""The command line of the training, with a framework that is made up."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import FRAMEWORKS
from training_data import (
    marked_weights,
    random_weights,
)

import train.__main__ as command_line
from train import card, synthetic
from train import frameworks as frameworks_module
from train.data import (
    SYNTHETIC_NOTICE,
    Dataset,
    Split,
    training_batches,
)
from train.monitor import Monitor
from train.recipe import Recipe
from train.record import read_record
from train.weights import Weights, load_weights, save_weights


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """In place of PyTorch, a framework whose epochs do what the test says; and little data."""
    control = types.SimpleNamespace(epoch=lambda number: None, started_from=None, predicted=None)

    def run(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
        control.started_from = start
        for number in monitor.epochs():
            for _ in training_batches(data.train, recipe, number):
                monitor.step(1.0)
            control.epoch(number)
            logits = np.eye(8)[data.val.labels] * (number == 1)
            monitor.end_epoch(logits, data.val.labels, marked_weights(number + 1))

    def predict(weights: Weights, split: Split, recipe: Recipe) -> np.ndarray:
        control.predicted = weights
        return np.eye(8)[split.labels]

    script = types.ModuleType("train.train_torch")
    script.train, script.predict = run, predict
    monkeypatch.setitem(sys.modules, "train.train_torch", script)

    def load(name: str, *, size: int = 28, root: Path | None = None) -> Dataset:
        splits = [Split(*synthetic.draw(count, size, 0)) for count in (256, 8, 8)]
        notice = SYNTHETIC_NOTICE if name == "synthetic" else None
        return Dataset(name, size, synthetic.CLASS_NAMES, *splits, notice)

    monkeypatch.setattr(command_line, "load_dataset", load)
    # The command line sets these for the frameworks.
    for variable in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    yield control


def _main(*arguments: object) -> int:
    """The command line in this process; argparse leaves by SystemExit."""
    try:
        return command_line.main([str(argument) for argument in arguments])
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def test_the_record_says_how_the_weights_came_to_be(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    status = _main("torch", "--dataset", "synthetic", "--epochs", 3, "--seed", 4, "--out", tmp_path)
    assert status == 0
    path = tmp_path / "torch-own-28-seed4-synthetic.safetensors"
    record = read_record(path)
    assert record is not None
    assert record["framework"] == "torch"
    assert (record["recipe"]["profile"], record["recipe"]["epochs"]) == ("own", 3)
    assert record["recipe"]["seed"] == 4
    assert (record["dataset"]["name"], record["dataset"]["notice"]) == (
        "synthetic",
        SYNTHETIC_NOTICE,
    )
    assert SYNTHETIC_NOTICE in record["notices"]
    assert (record["best_epoch"], len(record["history"])) == (2, 3)
    assert record["weights"] == {"file": path.name, "sha256": load_weights(path)[1]}
    assert record["test_metrics"]["accuracy"] == 1
    assert record["started_from"] is None
    assert record["environment"]["versions"]["torch"]
    # The test images are predicted with the weights that were kept, not with the last ones.
    assert made_up.predicted["head.bias"][0] == 2
    printed = capsys.readouterr()
    assert f"*** {SYNTHETIC_NOTICE}" in printed.err
    assert SYNTHETIC_NOTICE in printed.out
    assert str(path) in printed.out


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_a_profile_names_the_file_and_a_quick_one_says_so(
    tmp_path: Path,
    made_up: types.SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    profile: str,
) -> None:
    options = ("--profile", profile, "--dataset", "bloodmnist", "--out", tmp_path)
    assert _main("torch", *options) == 0
    record = read_record(tmp_path / f"torch-{profile}-28-seed0.safetensors")
    assert record is not None
    printed = capsys.readouterr()
    assert ("QUICK TRAINING" in printed.err) == (profile == "quick")
    assert ("QUICK TRAINING" in printed.out) == (profile == "quick")
    assert len(record["notices"]) == (profile == "quick")


def test_training_starts_from_other_weights(tmp_path: Path, made_up: types.SimpleNamespace) -> None:
    start = tmp_path / "start.safetensors"
    sha256 = save_weights(start, random_weights())
    options = ("--epochs", 1, "--start-from", start, "--out", tmp_path / "out")
    assert _main("torch", "--dataset", "synthetic", *options) == 0
    np.testing.assert_array_equal(made_up.started_from["head.bias"], random_weights()["head.bias"])
    record = read_record(next((tmp_path / "out").glob("*.safetensors")))
    assert record is not None
    assert record["started_from"] == sha256


def test_ctrl_c_after_an_epoch_writes_a_record_that_says_so(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def epoch(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    made_up.epoch = epoch
    options = ("--dataset", "synthetic", "--epochs", 5, "--out", tmp_path)
    assert _main("torch", *options) == 130
    record = read_record(next(tmp_path.glob("*.safetensors")))
    assert record is not None
    assert record["interrupted"] is True
    assert (record["best_epoch"], len(record["history"])) == (2, 2)
    assert record["test_metrics"]["accuracy"] == 1
    assert "Traceback" not in capsys.readouterr().err


def test_ctrl_c_in_the_first_epoch_says_that_nothing_was_kept(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def epoch(number: int) -> None:
        raise KeyboardInterrupt

    made_up.epoch = epoch
    options = ("--dataset", "synthetic", "--epochs", 5, "--out", tmp_path)
    assert _main("torch", *options) == 130
    assert not list(tmp_path.iterdir())
    assert "nothing kept" in capsys.readouterr().err


def test_a_training_that_diverges_is_one_line(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--dataset", "synthetic", "--epochs", 1, "--out", tmp_path)
    script = sys.modules["train.train_torch"]
    train = script.train

    def diverging(recipe: Recipe, data: Dataset, monitor: Monitor, start: Weights | None) -> None:
        end_epoch = monitor.end_epoch
        monitor.end_epoch = lambda logits, labels, _: end_epoch(
            logits, labels, marked_weights(np.nan)
        )
        train(recipe, data, monitor, start)

    script.train = diverging
    assert _main("torch", *options) == 2
    errors = _errors(capsys)
    assert len(errors) == 1
    assert "not finite" in errors[0]
    assert not list(tmp_path.glob("*.safetensors"))


def test_evaluating_prints_metrics_and_writes_nothing(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "w.safetensors"
    save_weights(weights, random_weights())
    out = tmp_path / "out"
    options = ("--dataset", "synthetic", "--evaluate", weights, "--out", out)
    assert _main("torch", *options) == 0
    printed = capsys.readouterr()
    assert "accuracy 1.0000" in printed.out
    assert SYNTHETIC_NOTICE in printed.out
    assert not out.exists()


def _errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return [line for line in printed.err.splitlines() if "error:" in line]


@pytest.mark.parametrize(
    "options",
    [
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--train-images", "0"),
        ("--train-images", "-128"),
        ("--train-images", "100"),
        ("--seed", "-1"),
        ("--start-from", "missing.safetensors"),
        ("--evaluate", "missing.safetensors"),
        ("--size", "30"),
        ("--profile", "long"),
    ],
)
def test_wrong_options_are_refused_before_training(
    tmp_path: Path,
    made_up: types.SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, str],
) -> None:
    assert _main("torch", "--dataset", "synthetic", "--out", tmp_path / "out", *options) == 2
    assert len(_errors(capsys)) == 1
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_is_refused_before_training(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    def epoch(number: int) -> None:
        pytest.fail("trained first")

    made_up.epoch = epoch
    out = tmp_path / "file" / "out"
    assert _main("torch", "--dataset", "synthetic", "--epochs", 1, "--out", out) == 2
    (error,) = _errors(capsys)
    assert str(out) in error


@pytest.mark.parametrize(
    ("framework", "package"),
    [
        ("torch", "torch"),
        ("keras", "tensorflow"),
        ("keras", "keras"),
        ("flax", "jax"),
        ("flax", "flax"),
        ("flax", "optax"),
    ],
)
def test_a_framework_that_is_not_installed_is_one_line_that_says_how_to(
    tmp_path: Path,
    made_up: types.SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    framework: str,
    package: str,
) -> None:
    monkeypatch.delitem(sys.modules, "train.train_torch")
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    assert _main(framework, "--dataset", "synthetic", "--out", tmp_path) == 2
    (error,) = _errors(capsys)
    assert "is not installed: pip install" in error


def test_an_unknown_framework_is_one_line(
    tmp_path: Path, made_up: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main("tensorflow", "--dataset", "synthetic", "--out", tmp_path) == 2
    (error,) = _errors(capsys)
    assert "'tensorflow'" in error
    assert all(name in error for name in FRAMEWORKS)


class _Started:
    """Notes the processes that would have been started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

        def popen(arguments: list[str], **options: Any) -> types.SimpleNamespace:
            self.commands.append(arguments)
            self.environments.append(options["env"])
            return types.SimpleNamespace(wait=lambda: status)

        monkeypatch.setattr(subprocess, "Popen", popen)


def test_an_unknown_framework_among_others_is_refused_before_any_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = _Started(monkeypatch)
    assert _main("torch", "tensorflow", "--dataset", "synthetic") == 2
    assert not started.commands
    (error,) = _errors(capsys)
    assert "'tensorflow'" in error


@pytest.mark.parametrize("named", [(), FRAMEWORKS])
def test_each_of_several_frameworks_has_the_same_options(
    monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    """An option's value may be called as a framework is."""
    started = _Started(monkeypatch)
    options = ["--dataset", "synthetic", "--out", "torch"]
    assert _main(*named, *options) == 0
    assert len(started.commands) == len({tuple(c) for c in started.commands}) == len(FRAMEWORKS)
    for arguments, name in zip(started.commands, FRAMEWORKS, strict=True):
        assert name in arguments
        parsed = command_line._parser().parse_args(arguments[arguments.index("train") + 1 :])
        assert parsed.out == Path("torch")
        assert parsed.dataset == "synthetic"


def test_a_framework_is_trained_by_the_interpreter_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = _Started(monkeypatch)
    beside = "/beside/bin/python"
    monkeypatch.setattr(
        frameworks_module,
        "python_with",
        lambda packages: beside if "tensorflow" in packages else sys.executable,
    )
    monkeypatch.setenv("EXPORTBENCH_PYTHONS", beside)
    for named in ([], ["keras"]):
        started.commands.clear()
        assert _main(*named, "--dataset", "synthetic") == 0
        by_name = {arguments[-1]: arguments[0] for arguments in started.commands}
        assert by_name.pop("keras") == beside
        assert set(by_name.values()) <= {sys.executable}
    # The data are read and downloaded with a package that is here and need not be there.
    assert started.environments[-1]["EXPORTBENCH_PYTHONS"] == f"{sys.executable}:{beside}"


def test_what_hides_all_cards_keeps_jax_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS", "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(card, "_DEVICES", (str(tmp_path / "none"),))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    card.use_card()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "JAX_PLATFORMS" not in os.environ  # there may be another accelerator
    monkeypatch.setattr(card, "_DEVICES", (str(tmp_path),))
    os.environ.pop("CUDA_VISIBLE_DEVICES")
    card.use_card()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "JAX_PLATFORMS" not in os.environ
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    card.use_card()
    assert os.environ["JAX_PLATFORMS"] == "cpu"


def test_a_framework_that_fails_leaves_the_others_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    started = _Started(monkeypatch, status=2)
    assert _main("--dataset", "synthetic") == 2
    assert len(started.commands) == len(FRAMEWORKS)
