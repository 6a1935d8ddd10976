"""The main job with inputs that do not fit, or cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Exported
from watched_runs import SHORTER

from infer.cli.main import main

pytest_plugins = ("frameworks",)


def _inputs(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "wrong.npz"
    images = np.zeros((4, 28, 28, 3), np.float32)
    np.savez(path, **({"image": images, "labels": np.arange(4)} | arrays))
    return path


def _run(exported: Exported, tmp_path: Path, inputs: Path) -> tuple[int, dict[str, Any]]:
    results = tmp_path / "results.json"
    arguments = [exported.folder / "onnx-torch", "--inputs", inputs, "--json", results]
    arguments += ["--out", tmp_path / "runs", "--device", "cpu", *SHORTER]
    status = main(["run", *map(str, arguments)])
    return status, json.loads(results.read_text())["rows"][0] if results.exists() else {}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"image": np.zeros((4, 28, 28, 3), np.int64)}, ["int64", "float32"]),
        ({"image": np.zeros((4, 32, 32, 3), np.float32)}, ["4 x 32 x 32 x 3", "28 x 28 x 3"]),
        ({"image": np.zeros((4, 28, 28, 1), np.float32)}, ["4 x 28 x 28 x 1"]),
        ({"image": np.zeros((4, 28, 28), np.float32)}, ["4 x 28 x 28"]),
        ({"labels": np.array([0, 1, 2, 8])}, ["labels up to 8", "8 classes"]),
        ({"labels": np.array([0, 1, 2, -1])}, ["'labels'", "negative"]),
        ({"labels": np.array([0.5, 1, 2, 3])}, ["'labels'", "float64"]),
    ],
)
def test_inputs_that_do_not_fit_end_the_measurement_and_name_the_file(
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, np.ndarray],
    words: list[str],
) -> None:
    path = _inputs(tmp_path, **arrays)
    status, row = _run(exported, tmp_path, path)
    assert status == 3
    assert row["outcome"] == "bad_input"
    for word in (str(path), *words):
        assert word in row["reason"]
    assert "\n" not in row["reason"]
    printed = capsys.readouterr()
    assert "bad_input" in printed.out
    assert "Traceback" not in printed.out + printed.err


def _no_samples(path: Path) -> None:
    np.savez(path, image=np.zeros((0, 28, 28, 3), np.float32), labels=np.zeros(0, np.int64))


def _no_images(path: Path) -> None:
    np.savez(path, labels=np.arange(4))


def _unlike(path: Path) -> None:
    np.savez(path, image=np.zeros((4, 28, 28, 3), np.float32), labels=np.arange(3))


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil", [Path.unlink, _no_samples, _no_images, _unlike, _truncated, _empty]
)
def test_inputs_that_cannot_be_read_are_wrong_usage(
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
) -> None:
    path = _inputs(tmp_path)
    spoil(path)
    status, row = _run(exported, tmp_path, path)
    assert status == 2
    assert not row
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert str(path) in line
    assert not (tmp_path / "runs").exists()
